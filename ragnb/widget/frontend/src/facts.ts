/** Model, time, tokens and cost in a line; opened, where the time went and why this model answered. */

import { element, say } from "./element";
import type { Part } from "./part";
import type { Store } from "./store";
import { timeline } from "./timeline";
import * as words from "./words";

const PAUSE = 500; // ms between two drawings of the timeline, which costs the whole log

export function facts(): Part {
  const summary = element("summary", "");
  const times = element("div", "times");
  const why = element("p", "why");
  why.dir = "auto";
  const details = element("details", "", summary, times, why);
  const root = element("div", "facts", details);
  let log: Store | undefined;
  let drawn = { count: -1, at: -Infinity };

  /** Draw the timeline if it is in sight; while it grows now and then, and not while one of its rows is read. */
  const open = () => {
    if (!log || !details.open || drawn.count === log.events.length) return;
    const at = performance.now();
    if (!log.ended && (at - drawn.at < PAUSE || times.querySelector(":is(:focus, :hover)"))) return;
    drawn = { count: log.events.length, at };
    times.replaceChildren(...timeline(log));
    say(why, words.readable(words.why(log)));
  };
  details.addEventListener("toggle", open);

  return {
    root,
    draw({ store }) {
      log = store;
      const facts = words.summary(log).map(words.readable);
      if (facts.join(" · ") !== summary.textContent) {
        const last = facts.length - 1;
        const parts = facts.map((fact, index) => element("span", "fact", index < last ? `${fact} ·` : fact));
        summary.replaceChildren(...parts.flatMap((part, index) => (index ? [" ", part] : [part])));
      }
      root.hidden = !facts.length;
      open();
    },
  };
}
