/** Chips: buttons in the text that open the passages behind a citation. */

import type { TextEvents } from "./contract";
import { button, focus } from "./element";
import type { Cited } from "./events";
import { passagePanel, showMarks } from "./passage";
import type { Store } from "./store";
import { readable, sources, squeeze } from "./words";

const LONGEST_TITLE = 300;
const BLOCK = "p, h1, h2, h3, h4, h5, h6, .ragnb-table";

let panels = 0; // tells the ids of one page apart

/** The citations of a log whose passages the reader has opened: a host may draw the view anew. */
const opened = new WeakMap<Store, Set<number>>();

function openedIn(log: Store): Set<number> {
  let seqs = opened.get(log);
  if (!seqs) opened.set(log, (seqs = new Set()));
  return seqs;
}

/** The numbers of a citation that have a source, each once. */
export function knownNumbers(cited: Cited, log: Store): number[] {
  const numbers = new Set(cited.quotes.map(({ number }) => number));
  return [...numbers].filter((number) => number >= 1 && number <= log.sources.length);
}

export interface Chips {
  draw(parent: Node, cited: Cited, log: Store): void;
  /** Draw anew with what `redraw` does: what is open stays open, and the focus stays. */
  keep(redraw: () => void): void;
}

export function newChips(root: HTMLElement, on: TextEvents): Chips {
  // By the citation's place in the log, so that they are found again after a redrawing.
  const buttons = new Map<number, HTMLElement>();
  const open = new Map<number, HTMLElement>();
  let titles: string[] = [];

  function toggle(cited: Cited, log: Store): void {
    const { seq, quotes } = cited;
    if (open.has(seq)) return close(seq, log);
    openedIn(log).add(seq);
    const all = sources(log);
    const shown = knownNumbers(cited, log).map((number) => ({
      ...all[number - 1]!,
      quotes: quotes.filter((quote) => quote.number === number),
    }));
    const panel = passagePanel(shown, () => close(seq, log));
    panel.id = `ragnb-passage-${++panels}`;
    const chip = buttons.get(seq)!;
    chip.ariaExpanded = "true";
    chip.setAttribute("aria-controls", panel.id);
    open.set(seq, panel);
    (chip.closest(BLOCK) ?? chip).after(panel);
    requestAnimationFrame(() => showMarks(panel)); // where the view is being made it has no layout yet
  }

  function close(seq: number, log: Store): void {
    openedIn(log).delete(seq);
    const chip = buttons.get(seq)!;
    open.get(seq)?.remove();
    open.delete(seq);
    chip.ariaExpanded = "false";
    chip.removeAttribute("aria-controls");
    focus(chip);
  }

  return {
    draw(parent, cited, log) {
      const numbers = knownNumbers(cited, log);
      if (titles.length !== log.sources.length) titles = sources(log).map(({ title }) => readable(title));
      const text = numbers.map((number) => `[${number}]`).join("");
      const chip = button("chip", text, () => toggle(cited, log));
      chip.ariaLabel = `${text} ${numbers.map((number) => titles[number - 1]).join(", ")}`;
      chip.ariaExpanded = "false";
      const quotes = cited.quotes.map(({ text }) => text).join(" … ");
      chip.title = readable(squeeze(quotes).slice(0, LONGEST_TITLE));
      chip.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || !open.has(cited.seq)) return;
        event.stopPropagation();
        close(cited.seq, log);
      });
      parent.appendChild(chip);
      buttons.set(cited.seq, chip);
      on.chip(numbers, cited, chip);
      if (openedIn(log).has(cited.seq)) toggle(cited, log);
    },

    keep(redraw) {
      const { activeElement } = root.getRootNode() as Document;
      const focused = [...buttons].find(([, chip]) => chip === activeElement)?.[0];
      buttons.clear();
      open.clear();
      redraw();
      if (focused !== undefined) focus(buttons.get(focused));
    },
  };
}
