/** The line that says the phase, or the trouble; while one waits, for how long. */

import type { Connection } from "./connection";
import { element, say } from "./element";
import type { Part } from "./part";
import * as words from "./words";

const NOTED = 2; // seconds after which a wait is counted

export function statusLine(): Part {
  const text = element("span", "");
  const elapsed = element("span", "elapsed");
  const dot = element("span", "dot");
  dot.ariaHidden = elapsed.ariaHidden = "true";
  const root = element("p", "status", dot, text, elapsed);
  return {
    root,
    draw(connection) {
      const { store, trouble, isOpen } = connection;
      say(text, words.readable(sentence(connection)));
      root.hidden = text.hidden;
      const isTrouble = trouble !== null || !isOpen || store.last?.type === "Retrying";
      root.classList.toggle("ragnb-trouble", isTrouble);
      root.classList.toggle("ragnb-running", isOpen);
      const isWaiting = isTicking(connection) && !isTrouble && connection.elapsed >= NOTED;
      say(elapsed, isWaiting ? `${Math.floor(connection.elapsed)} s` : "");
    },
  };
}

/** Whether the line changes with the clock alone. */
export function isTicking({ store, isOpen }: Connection): boolean {
  return isOpen && (!store.hasText || store.last?.type === "Retrying");
}

/** The phase in a sentence, for a screen reader; it changes a few times in an answer. */
export function phase(connection: Connection): string {
  const { status, last } = connection.store;
  if (last?.type === "Retrying") return words.status(connection.store);
  return status === "finished" ? `The answer is complete. ${sentence(connection)}`.trim() : sentence(connection);
}

function sentence({ store, trouble, elapsed }: Connection): string {
  const { last } = store;
  if (trouble === "version") return words.RELOAD;
  if (!store.ended && trouble) return trouble === "stopped" ? words.STOPPED : words.SILENT;
  if (last?.type !== "Retrying") return words.status(store);
  const left = Math.ceil(last.at + last.wait - elapsed);
  return `${last.message} Trying again ${left > 0 ? `in ${left} s ` : ""}…`;
}
