/** What is said about an answer, in words: the twin of `ragnb/display/words.py`. */

import type { Hit, LogEvent, Locator, Quote } from "./events";
import type { Store } from "./store";
import { sum } from "./store";

export const EXTRACTIVE = "Sentences quoted word for word from the passages; no language model was used.";
export const STOPPED = "The kernel stopped; the answer ends here. Its text is kept.";
export const SILENT = "No word from the kernel for 15 s …";
export const RELOAD = "The kernel runs another version of ragnb than this page: reload the page.";

// Control characters and bidi overrides, and halves of surrogate pairs.
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
const HALVES = /\p{Surrogate}/gu;

const LOST: Readonly<Record<string, string>> = {
  cut: "connection lost",
  unreachable: "connection lost",
  stalled: "stream stalled",
  overloaded: "provider overloaded",
  rate_limit: "rate limit reached",
  quota: "credit used up",
  server: "provider failed",
  interrupted: "the process ended",
  cancelled: "cancelled",
};

const STALL = 1; // seconds without a token that are told, where the others come fast
const LEVELS = "▁▂▃▄▅▆▇█";
const BUCKETS = 30;

/** A passage given to the model, with the quotes that the answer takes from it. */
export interface Source {
  number: number;
  title: string;
  /** Where in its document the passage stands, without the title said again. */
  place: string;
  hit: Hit;
  quotes: Quote[];
}

const LINE = 140; // code points

export interface Stage {
  name: string;
  /** Seconds since the question. */
  start: number;
  duration: number;
}

/** The text without control characters and bidi overrides; tabs and line feeds stay. */
export function readable(text: string): string {
  return text.replace(HALVES, "\ufffd").replace(UNSEEN, "");
}

/** The answer's sources by number, each with its quotes in order and without repeats. */
export function sources(log: Store): Source[] {
  const quotes = new Map<number, Map<string, Quote>>();
  for (const cited of log.citations) {
    for (const quote of cited.quotes) {
      let found = quotes.get(quote.number);
      if (!found) quotes.set(quote.number, (found = new Map()));
      found.set(`${quote.start} ${quote.end}`, quote);
    }
  }
  return log.sources.map((hit, index) => {
    const title = squeeze(hit.chunk.title || hit.chunk.source || "") || "Untitled text";
    const found = [...(quotes.get(index + 1)?.values() ?? [])];
    return {
      number: index + 1,
      title,
      place: place(hit.chunk.locator ?? {}, title),
      hit,
      quotes: found.sort((a, b) => a.start - b.start || a.end - b.end),
    };
  });
}

/** The words that the answer takes from a source, in one line; empty where it takes none. */
export function quoted(quotes: Quote[]): string {
  const line = quotes.map(({ text }) => squeeze(text)).join(" … ");
  const start = [...line.slice(0, 2 * LINE + 1)];
  if (!line) return "";
  return `“${start.length > LINE ? `${start.slice(0, LINE - 1).join("").trimEnd()}…` : line}”`;
}

function place(locator: Locator, title: string): string {
  let text = squeeze(located(locator));
  for (const prefix of [title, " › ", ", "]) if (text.startsWith(prefix)) text = text.slice(prefix.length);
  return text;
}

/** The twin of `Locator.__str__`. */
function located(locator: Locator): string {
  const parts = locator.heading?.length ? [locator.heading.join(" › ")] : [];
  if (locator.sheet) parts.push(`sheet ${locator.sheet}`);
  for (const noun of ["pages", "slides", "cells", "rows", "lines"] as const) {
    const range = locator[noun];
    if (!range) continue;
    const [first, last] = range;
    parts.push(first === last ? `${noun.slice(0, -1)} ${first}` : `${noun} ${first}–${last}`);
  }
  if (locator.seconds) {
    const whole = Math.trunc(locator.seconds[0]);
    parts.push(`minute ${Math.floor(whole / 60)}:${twoDigits(whole % 60)}`);
  }
  if (locator.label) parts.push(locator.label);
  return parts.join(", ");
}

/** What was asked, and of which documents if not of all. */
export function question(log: Store): string {
  const { question = "", where = {} } = log.started ?? {};
  return question + (Object.keys(where).length ? `  (where ${JSON.stringify(where)})` : "");
}

/** The phase while it runs; the trouble, if it did not end well; else nothing. */
export function status(log: Store): string {
  const { last, brokenBy } = log;
  if (brokenBy !== null && !log.ended) return "";
  if (!last) return "Starting …";
  switch (last.type) {
    case "Finished":
      return last.advice ?? "";
    case "Failed": {
      const said = `${last.message} ${last.advice ?? ""}`.trim();
      const isKept = log.hasText && !said.endsWith("the text so far is kept.");
      return isKept ? `${said} The text so far is kept.` : said;
    }
    case "Cancelled":
      return `Cancelled after ${number(log.pieces.length, "token")}; the text so far is kept.`;
    case "Retrying":
      return `${last.message} Trying again ${last.wait ? `in ${seconds(last.wait)} ` : ""}…`;
  }
  if (log.pieces.length) return "Writing …";
  const retrieved = log.latest("Retrieved");
  if (!retrieved) return "Searching …";
  const found = `${number(log.sources.length, "passage")} found in ${seconds(retrieved.at)}`;
  return log.latest("Routed") ? `${found}; waiting for ${log.model} …` : `${found} …`;
}

/** Model, time, tokens and cost, each a few words. */
export function summary(log: Store): string[] {
  const { model, ttft, pace } = log;
  const used = log.all("Used");
  const output = sum(used.map((event) => event.output_tokens));
  const tier = log.latest("Routed")?.tier;
  const facts = model ? [model + (tier ? ` (${tier})` : "")] : [];
  if (ttft !== null) facts.push(`first token ${seconds(ttft)}`);
  if (log.ended) facts.push(`total ${seconds(log.total)}`);
  if (output) {
    const input = sum(used.map((event) => event.input_tokens));
    facts.push(`${grouped(input)} tokens in, ${grouped(output)} out`);
    if (pace !== null && log.pieces.length > 10) facts.push(`${rounded(pace)} tokens/s`);
  }
  if (used.length && model !== "extractive") {
    facts.push(money(log.cost) + (used.some((event) => event.estimated) ? " (estimated)" : ""));
  }
  return facts;
}

/** What was searched for in place of the question, and why this model answers. */
export function why(log: Store): string {
  const rewritten = log.latest("Rewritten");
  let searched = "";
  if (rewritten) {
    const { question, others = [], note } = rewritten;
    searched = `Searched for ${[question, ...others].map((query) => `“${query}”`).join(", ")}`;
    searched += note ? ` (${note}).` : ".";
  }
  const reason = log.latest("Routed")?.reason;
  const chosen = reason ? `Chosen because ${reason}.` : "";
  return [searched, log.model === "extractive" ? EXTRACTIVE : "", chosen].filter(Boolean).join(" ");
}

/** The stages that took time, by their start. */
export function stages(log: Store): Stage[] {
  const rows: Stage[] = [];
  const add = (name: string, start: number, duration: number) => rows.push({ name, start, duration });
  const retrieved = log.latest("Retrieved");
  const reranked = log.latest("Reranked");
  const [routed] = log.all("Routed");
  const { ttft } = log;
  if (retrieved) {
    const { embed_seconds: embed = 0, search_seconds: search = 0 } = retrieved;
    const end = log.since(retrieved.at);
    const rewritten = log.latest("Rewritten");
    const begun = rewritten ? log.since(rewritten.at) : 0;
    const start = Math.max(begun, end - embed - search);
    if (rewritten) add("rewrite the question", 0, begun);
    add("load the model, open the index", begun, start - begun);
    add("embed the question", start, embed);
    add("search", start + embed, search);
    if (reranked) add("rerank", end, reranked.at - retrieved.at);
  }
  if (ttft !== null && routed) {
    const start = log.since(routed.at);
    add("wait for the first token", start, ttft - start);
    add("stream", ttft, Math.max(0, log.total - ttft));
  }
  for (const { seq, at, fault } of log.all("Retrying")) {
    const after = log.events[seq + 1];
    if (after && fault !== "interrupted") add("wait before the next attempt", log.since(at), after.at - at);
  }
  for (const [begin, end] of stalls(log)) add("stalled", log.since(begin), end - begin);
  return rows.sort((a, b) => a.start - b.start);
}

/** When the gaps between two tokens that stand out, and that no fault explains, began and ended. */
function stalls(log: Store): [number, number][] {
  const gaps = log.arrivals.slice(1).map((at, index) => at - log.arrivals[index]!);
  const longest = gaps.length ? Math.max(STALL, 10 * median(gaps)) : 0;
  const found: [number, number][] = [];
  let last: number | null = null;
  for (const { type, at } of log.events) {
    if (type === "Token") {
      if (last !== null && at - last > longest) found.push([last, at]);
      last = at;
    } else if (type === "Retrying" || type === "Resumed") {
      last = null;
    }
  }
  return found;
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many tokens came in each of equal times from the first to the last; empty if too few to tell. */
export function cadence(log: Store): number[] {
  const { arrivals } = log;
  const first = arrivals[0] ?? 0;
  const length = arrivals.length >= 10 ? arrivals.at(-1)! - first : 0;
  if (length <= 0) return [];
  const counts = new Array<number>(Math.min(BUCKETS, arrivals.length)).fill(0);
  for (const at of arrivals) {
    const bucket = Math.floor(((at - first) / length) * counts.length);
    counts[Math.min(bucket, counts.length - 1)]! += 1;
  }
  return counts;
}

/** The cadence as a row of bars. */
export function pace(log: Store): string {
  const counts = cadence(log);
  const most = Math.max(...counts);
  return counts.map((count) => LEVELS[Math.ceil((count / most) * (LEVELS.length - 1))]).join("");
}

/** How many code points stand where the answer was taken up again, and what happened there; of several, the last. */
export function seams(log: Store): [number, string][] {
  const found = new Map<number, string>();
  let tokens = 0;
  let broken: LogEvent | null = null; // what the time is counted from
  let lost = "stream interrupted";
  for (const event of log.events) {
    if (event.type === "Token") {
      tokens += 1;
      broken = event;
      lost = "stream interrupted";
    } else if (event.type === "Retrying" && (event.fault === "interrupted" || broken?.type !== "Retrying")) {
      broken = event;
      lost = LOST[event.fault] ?? lost;
    } else if (event.type === "Resumed") {
      const time = seconds(event.at - (broken?.at ?? 0));
      found.set(event.offset, `${lost} after ${number(tokens, "token")}, resumed with ${event.model} after ${time}`);
    }
  }
  return [...found];
}

/** What to know of the passages' order, and what is wrong with the log, a sentence each. */
export function notes(log: Store): string[] {
  const order = log.latest("Reranked")?.note;
  const found = order ? [`Reranking: ${order}.`] : [];
  const unknown = log.all("Unknown").length;
  if (unknown) {
    const were = unknown === 1 ? "was" : "were";
    const they = unknown === 1 ? "it" : "they";
    const left = `${number(unknown, "event")} of an unknown type ${were} left out`;
    found.push(`${left}: ${they} ${were} written by a newer ragnb.`);
  }
  if (log.brokenBy !== null) {
    const count = log.events.length;
    const place = count ? `after event ${count - 1}` : "before its first event";
    const next = log.brokenBy === "nothing" ? "what comes next is no event" : `event ${log.brokenBy} comes next`;
    found.push(`The log breaks off ${place}: ${next}.`);
  }
  return [...new Set([...found, ...log.noted])];
}

/** A duration: `3 ms`, `840 ms`, `1.24 s`, `2 min 05 s`. */
export function seconds(duration: number): string {
  if (duration < 0.9995) return `${fixed(duration * 1000, 0)} ms`;
  if (duration < 60) return `${fixed(duration, 2)} s`;
  const whole = Number(fixed(duration, 0));
  return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** A price; never nothing where it is not known. */
export function money(usd: number | null): string {
  if (usd === null) return "price unknown";
  if (usd > 0 && usd < 0.0001) return "less than $0.0001";
  return `$${fixed(usd, usd > 0 && usd < 0.1 ? 4 : 2)}`;
}

export function number(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

export function rounded(value: number): string {
  return grouped(Number(fixed(value, 0)));
}

/** As Python formats it: a value half-way between two goes to the even one. */
export function fixed(value: number, digits: number): string {
  const exact = value.toFixed(digits + 60);
  const cut = exact.slice(0, -60);
  const isHalf = /^50*$/.test(exact.slice(-60));
  return isHalf && /[02468]\.?$/.test(cut) ? cut.replace(/\.$/, "") : value.toFixed(digits);
}

export function squeeze(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(" ");
}
