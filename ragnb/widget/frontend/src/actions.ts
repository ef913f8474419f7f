/** The buttons of the card: copy, ask again, stop. */

import { cancel } from "./cancel";
import { toClipboard } from "./clipboard";
import type { Connection } from "./connection";
import { asMarkdown } from "./copy";
import { button, element, focus } from "./element";
import type { Part } from "./part";

const THANKS = 2_000; // ms that "Copied" stands

export function actions(connection: Connection): Part & { close(): void } {
  let callOff = () => {};
  let thanking: ReturnType<typeof setTimeout> | undefined;
  const copy = button("copy", "Copy", async () => {
    const isCopied = await toClipboard(asMarkdown(connection.store), root);
    focus(copy);
    copy.textContent = isCopied ? "Copied" : "Not allowed here";
    clearTimeout(thanking);
    thanking = setTimeout(() => {
      copy.textContent = "Copy";
    }, THANKS);
  });
  const again = button("again", "Ask again", () => connection.say("ask_again"));
  const stop = button("stop", "Stop", () => {
    stop.textContent = "Stopping …";
    callOff();
    callOff = cancel(connection);
  });
  copy.title = "Copy the answer as Markdown, with its sources";
  const root = element("div", "actions", copy, again, stop);
  return {
    root,
    draw({ isOpen, canAskAgain, store }) {
      const focused = [stop, again].find((found) => found.matches(":focus"));
      if (!isOpen) stop.textContent = "Stop";
      stop.hidden = !isOpen;
      again.hidden = isOpen || !canAskAgain;
      copy.hidden = !store.hasText;
      const next = [stop, again, copy].find((found) => !found.hidden);
      if (focused?.hidden) focus(next);
    },
    close() {
      callOff();
      clearTimeout(thanking);
    },
  };
}
