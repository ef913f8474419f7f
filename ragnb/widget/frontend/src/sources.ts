/** The passages given to the model: those cited first, the others folded; all in sight while there is no text. */

import { element, focus, say } from "./element";
import type { Light } from "./highlight";
import type { Part } from "./part";
import { markQuotes } from "./passage";
import type { Source } from "./words";
import * as words from "./words";

export function sourceList(light: Light): Part {
  const title = element("summary", "");
  const others = element("div", "");
  const folded = element("details", "others", title, others);
  const root = element("div", "sources", folded);
  let rows: Row[] = [];
  let drawn: unknown[] = [];

  return {
    root,
    draw({ store }) {
      const isWaiting = !store.ended && !store.hasText;
      const order = store.ranking?.seq;
      const state = [order, store.citations.length, isWaiting];
      if (state.every((part, index) => part === drawn[index])) return;
      const all = words.sources(store);
      const focused = root.querySelector<HTMLElement>(":focus");
      if (order !== drawn[0]) {
        for (const row of rows) row.root.remove();
        rows = all.map((source) => sourceRow(source, light));
      }
      drawn = state;

      const shown = rows.filter((row, index) => {
        const { quotes } = all[index]!;
        row.mark(quotes);
        // What is being read stays where it is.
        const isRead = (row.root.open || row.root.contains(focused)) && row.root.parentNode === root;
        return quotes.length || isWaiting || isRead;
      });
      const rest = rows.filter((row) => !shown.includes(row));
      arrange(root, shown);
      arrange(others, rest);
      const isAnyCited = all.some(({ quotes }) => quotes.length);
      const passages = words.number(rest.length, isAnyCited ? "more passage" : "passage");
      title.textContent = `${passages} ${store.model === "extractive" ? "searched" : "given to the model"}`;
      folded.hidden = !rest.length;
      root.hidden = !rows.length;
      if (!focused?.matches(":focus")) focus(focused);
    },
  };
}

/** Put rows first in their home, in order; those that stand right are not touched. */
function arrange(home: HTMLElement, rows: readonly Row[]): void {
  let next = home.firstChild;
  for (const { root } of rows) {
    if (root === next) next = next.nextSibling;
    else home.insertBefore(root, next);
  }
}

interface Row {
  root: HTMLDetailsElement;
  mark(quotes: Source["quotes"]): void;
}

function sourceRow({ number, title, place, hit }: Source, light: Light): Row {
  const name = element("span", "title", words.readable(title));
  const where = element("span", "place", place && ` — ${words.readable(place)}`);
  const line = element("span", "line");
  const summary = element("summary", "", element("b", "number", `[${number}]`), " ", name, where, line);
  const passage = element("blockquote", "quoted");
  passage.dir = "auto";
  passage.tabIndex = 0;
  const { source, text } = hit.chunk;
  const score = `score ${words.fixed(hit.score, 2)}`;
  const file = element("div", "file", source ? `${words.readable(source)}, ${score}` : score);
  const root = element("details", "source", summary, passage, file);
  root.dataset.number = String(number);
  light([number], root);
  let marked = -1;
  return {
    root,
    mark(quotes) {
      if (marked === quotes.length) return;
      marked = quotes.length;
      say(line, words.readable(words.quoted(quotes)));
      passage.replaceChildren(markQuotes(text, quotes));
    },
  };
}
