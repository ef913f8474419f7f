/** The passages that a citation rests on, opened where it is cited. */

import { button, element } from "./element";
import type { Quote } from "./events";
import { unitsOf } from "./points";
import { fixed, readable } from "./words";
import type { Source } from "./words";


/** A text with its quotes in `<mark>`; where they overlap, the earlier one goes on. */
export function markQuotes(text: string, quotes: readonly Quote[]): DocumentFragment {
  const made = document.createDocumentFragment();
  let position = 0;
  for (const { start, end } of [...quotes].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const first = Math.max(unitsOf(text, start), position);
    const last = unitsOf(text, end);
    if (first >= last) continue;
    made.append(readable(text.slice(position, first)), element("mark", "", readable(text.slice(first, last))));
    position = last;
  }
  made.append(readable(text.slice(position)));
  return made;
}

/** A panel with the passages; `close` is called by its button and by Esc. */
export function passagePanel(sources: readonly Source[], close: () => void): HTMLElement {
  const closing = button("close", "×", close);
  closing.ariaLabel = "Close the passage";
  const panel = element("div", "passage", closing, ...sources.map(passage));
  panel.role = "group";
  panel.ariaLabel = `Passage ${sources.map(({ number }) => `[${number}]`).join(" ")}`;
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  return panel;
}

/** Bring the first mark of each passage into sight, within its own box: the page stays where it is. */
export function showMarks(panel: HTMLElement): void {
  for (const box of panel.querySelectorAll<HTMLElement>(".ragnb-passage-text")) {
    const mark = box.querySelector("mark");
    // One whole line is seen above the mark.
    if (mark?.offsetTop) box.scrollTop = mark.offsetTop - (parseFloat(getComputedStyle(box).lineHeight) || 0);
  }
}

function passage({ number, title, place, hit, quotes }: Source): HTMLElement {
  const name = element("span", "passage-title", readable(title));
  const where = place ? [element("span", "passage-place", ` — ${readable(place)}`)] : [];
  const score = element("span", "passage-score", `score ${fixed(hit.score, 2)}`);
  const head = element("div", "passage-head", element("b", "", `[${number}]`), " ", name, ...where, " ", score);
  const text = element("blockquote", "passage-text", markQuotes(hit.chunk.text, quotes));
  text.tabIndex = 0; // it scrolls, also by the keyboard
  head.dir = text.dir = "auto";
  return element("div", "", head, text);
}
