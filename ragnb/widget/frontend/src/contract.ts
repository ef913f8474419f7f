/** What the card and the text in it ask of each other. */

import type { Cited } from "./events";
import type { Store } from "./store";

export interface TextEvents {
  /** A chip for these sources was drawn; the button is its element. */
  chip(numbers: readonly number[], cited: Cited, button: HTMLElement): void;
}

export interface AnswerText {
  /** Draw what is new in the log. Called at most once a frame. */
  update(log: Store): void;
  /** The log has ended, and `update` has seen all of it: draw what was held back. */
  end(): void;
}
