/** The text of an answer, drawn as the log grows: what is drawn stays, and what follows is added. */

import type { Hints } from "./blocks";
import type { References } from "./brackets";
import { newChips } from "./citations";
import type { AnswerText, TextEvents } from "./contract";
import { newPage } from "./page";
import type { Page } from "./page";
import type { Store } from "./store";

const MOST_REDRAWINGS = 20; // while it streams, for tables that were taken for text

export function createText(root: HTMLElement, on: TextEvents): AnswerText {
  const chips = newChips(root, on);
  const references: References = { known: new Map(), missed: new Set() };
  const hints: Hints = { heads: new Set(), isDefinedLate: false };
  let redrawings = 0;
  let page: Page | null = null;
  let heads = 0; // of tables that were known when the page was begun
  let log: Store;

  function begin(): Page {
    heads = hints.heads.size;
    return (page = newPage(root, log, chips, references, hints));
  }

  function isMistaken(): boolean {
    return hints.heads.size > heads;
  }

  function redraw(isAll: boolean): void {
    redrawings += 1;
    references.missed.clear();
    hints.isDefinedLate = false;
    chips.keep(() => {
      root.replaceChildren();
      const fresh = begin();
      fresh.take();
      fresh.draw(isAll);
      if (isAll) fresh.end();
    });
  }

  return {
    update(store) {
      log = store;
      page ??= begin();
      page.take();
      if (page.isLate()) redraw(false);
      page.draw(false);
      if (isMistaken() && redrawings < MOST_REDRAWINGS) redraw(false);
    },

    end() {
      page?.draw(true);
      page?.end();
      // What a table's rule or a label's definition changed above it.
      for (let left = 3; left && (isMistaken() || hints.isDefinedLate); left--) redraw(true);
    },
  };
}
