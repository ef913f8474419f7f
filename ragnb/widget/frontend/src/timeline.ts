/** Where the time went: each stage on a common axis, and the cadence of the tokens below them. */

import { element, say } from "./element";
import type { Store } from "./store";
import * as words from "./words";

const LEVELS = 7; // of the bars of the cadence, as in its rendering as text
const THINNEST = "2px"; // a bar for what took no time to speak of
const NARROWEST = "5em"; // the cadence, where there was hardly any stream

/** The table and the line that tells the numbers of one of its rows; nothing if nothing took time yet. */
export function timeline(log: Store): HTMLElement[] {
  const total = Math.max(log.total, 1e-9);
  const rows = words.stages(log).map(({ name, start, duration }) => {
    const bar = element("div", `bar ragnb-${kind(name)}`);
    const span = `from ${words.seconds(start)} to ${words.seconds(start + duration)}`;
    const share = `${words.fixed((100 * duration) / total, 0)} % of the time`;
    return row(name, words.seconds(duration), place(bar, start / total, duration / total), `${span}, ${share}`);
  });
  if (!rows.length) return [];
  const table = element("table", "waterfall", element("tbody", "", ...rows, ...cadence(log, total)));
  table.ariaLabel = "Where the time went";
  const pause = log.arrivals.reduce((most, at, index) => Math.max(most, at - (log.arrivals[index - 1] ?? at)), 0);
  return [table, reading(table, pause ? `Longest pause between two tokens: ${words.seconds(pause)}.` : "")];
}

/** The kind of time a stage is: something worked, the model was waited for, it wrote, it did not. */
function kind(name: string): string {
  if (name === "stalled" || name === "wait before the next attempt") return "lost";
  return /^(stream|wait)?/.exec(name)![0] || "work";
}

/** Says the numbers of the row that is pointed at or has the focus, and else what there is to say. */
function reading(table: HTMLElement, rest: string): HTMLElement {
  const root = element("p", "reading");
  root.ariaHidden = "true"; // each row has its numbers as its label
  const tell = (event?: Event) => say(root, (event?.target as Element)?.closest("tr")?.ariaLabel ?? rest);
  for (const event of ["pointerover", "focusin"]) table.addEventListener(event, tell);
  for (const event of ["pointerleave", "focusout"]) table.addEventListener(event, () => tell());
  tell();
  return root;
}

function cadence(log: Store, total: number): HTMLElement[] {
  const counts = words.cadence(log);
  const { ttft, pace, arrivals } = log;
  if (!counts.length || ttft === null || pace === null) return [];
  const most = Math.max(...counts);
  const bars = counts.map((count) => {
    const bar = element("i", "");
    bar.style.height = `${(100 * (Math.ceil((count / most) * LEVELS) + 1)) / (LEVELS + 1)}%`;
    return bar;
  });
  const duration = arrivals.at(-1)! - arrivals[0]!;
  const rate = (value: number) => `${words.rounded(value)} tokens/s`;
  const told = `${words.number(arrivals.length, "token")} in ${words.seconds(duration)}, ${rate(pace)}`;
  const fastest = `at most ${rate((most * counts.length) / duration)}`;
  const bar = place(element("span", "pace", ...bars), ttft / total, duration / total, NARROWEST);
  return [row("tokens over time", rate(pace), bar, `${told}, ${fastest}`)];
}

function row(name: string, time: string, bar: HTMLElement, label: string): HTMLElement {
  const head = element("th", "", name);
  head.scope = "row";
  const made = element("tr", "", head, element("td", "time", time), element("td", "lane", bar));
  made.tabIndex = 0;
  made.ariaLabel = `${name}: ${label}`;
  return made;
}

/** Put a bar on the axis; start and length are parts of it, from 0 to 1, and `least` is a length in CSS. */
function place(bar: HTMLElement, start: number, length: number, least = THINNEST): HTMLElement {
  bar.style.marginInlineStart = `min(${(100 * start).toFixed(2)}%, 100% - ${least})`;
  bar.style.width = `max(${(100 * length).toFixed(2)}%, ${least})`;
  return bar;
}
