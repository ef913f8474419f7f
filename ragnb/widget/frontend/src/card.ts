/** One view of an answer: the card in the cell, drawn from the log at most once a frame. */

import { actions } from "./actions";
import type { Connection } from "./connection";
import { element, say } from "./element";
import { facts } from "./facts";
import { highlight } from "./highlight";
import { createText } from "./markdown";
import type { Part } from "./part";
import { sourceList } from "./sources";
import { isTicking, phase, statusLine } from "./status";
import { followTheme } from "./theme";
import * as words from "./words";

/** Show the answer in an element; returns the way to take it away again. */
export function showCard(host: HTMLElement, connection: Connection): () => void {
  const question = element("span", "question");
  question.dir = "auto";
  const buttons = actions(connection);
  const spoken = element("span", "hidden");
  spoken.role = "status";
  const root = element("div", "answer ragnb-live", element("div", "head", question, buttons.root), spoken);
  root.role = "region";
  root.ariaLabel = "Answer";

  // What belongs to one log: another log gets another body.
  let body: Part[] = [];
  let { store } = connection;
  let frame = 0;
  let tick: ReturnType<typeof setInterval> | undefined;
  const draw = () => {
    frame = 0;
    if (!body.length || store !== connection.store) {
      store = connection.store;
      for (const part of body) part.root.remove();
      body = makeBody();
      spoken.before(...body.map((part) => part.root));
    }
    root.ariaBusy = String(connection.isOpen);
    say(question, words.readable(words.question(store)));
    for (const part of [...body, buttons]) part.draw(connection);
    const said = words.readable(phase(connection));
    if (spoken.textContent !== said) spoken.textContent = said;
    if (isTicking(connection)) tick ??= setInterval(schedule, 1000);
    else tick = void clearInterval(tick);
  };
  // Where the page is not in sight there are no frames: what came meanwhile is drawn when it is.
  const schedule = () => {
    frame ||= requestAnimationFrame(draw);
  };
  const endings = [connection.follow(schedule), followTheme(root), buttons.close];
  draw();
  for (const details of root.querySelectorAll("details")) details.open = connection.opened.has(nameOf(details));
  const remember = ({ target }: Event) => {
    const { opened } = connection;
    if (target instanceof HTMLDetailsElement) opened[target.open ? "add" : "delete"](nameOf(target));
  };
  root.addEventListener("toggle", remember, true);
  host.append(root);
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(tick);
    for (const end of endings) end();
    root.remove();
  };
}

function nameOf(details: HTMLDetailsElement): string {
  return details.dataset.number ?? details.className;
}

function makeBody(): Part[] {
  const light = highlight();
  return [text((numbers, _, button) => light(numbers, button)), notes(), statusLine(), sourceList(light), facts()];
}

function text(chip: Parameters<typeof createText>[1]["chip"]): Part {
  const root = element("div", "text");
  root.dir = "auto";
  const text = createText(root, { chip });
  let isComplete = false;
  return {
    root,
    draw({ store, isOpen }) {
      if (isComplete) return;
      text.update(store);
      isComplete = !isOpen;
      if (isComplete) text.end();
    },
  };
}

function notes(): Part {
  const root = element("div", "notes");
  return {
    root,
    draw({ store }) {
      const notes = words.notes(store);
      if (root.textContent !== notes.join("")) root.replaceChildren(...notes.map((note) => element("p", "note", note)));
    },
  };
}
