/** The elements that Markdown becomes. Nothing is parsed as HTML, and nothing drawn is replaced. */

import { toClipboard } from "./clipboard";
import { button, element } from "./element";
import { destination } from "./links";
import { atTags } from "./tags";

/** Draws what stands at the tags. */
export interface Places {
  /** A chip or a seam, in place of a tag. */
  draw(index: number, parent: Node): void;
  /** The same in code, where a citation stays the marker that was written. */
  drawInCode(index: number, code: Node): void;
  /** The marker that stood there; empty where there was none. */
  marker(index: number): string;
}

/** Text at the end of an element, in one node, so that a selection in it survives. */
export function addText(parent: Node, text: string): void {
  if (!text) return;
  const last = parent.lastChild;
  if (last?.nodeType === Node.TEXT_NODE) (last as Text).appendData(text);
  else parent.appendChild(document.createTextNode(text));
}

/** Text in code, where tags may stand. */
export function addCode(code: Node, text: string, places: Places): void {
  atTags(
    text,
    (piece) => addText(code, piece),
    (index) => places.drawInCode(index, code),
  );
}

/** A block of code in its box; gives back the element for its text. */
export function codeBlock(parent: Node, language: string): HTMLElement {
  const code = element("code", "");
  const pre = element("pre", "", code);
  pre.tabIndex = 0; // long lines scroll, also by the keyboard
  pre.dir = "ltr";
  const copy = button("code-copy", "", () => void copyCode(code, copy));
  copy.ariaLabel = "Copy the code";
  const box = element("div", "code", pre, copy);
  // Shown by the style sheet: neither the label nor the button's word is part of a selection.
  if (language) box.dataset.language = language;
  parent.appendChild(box);
  return code;
}

const THANKS = 2_000; // ms that "Copied" stands

async function copyCode(code: HTMLElement, button: HTMLElement): Promise<void> {
  const nodes = [...code.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const isDone = await toClipboard(nodes.map((node) => node.textContent).join(""), code);
  button.dataset.state = isDone ? "copied" : "failed";
  button.ariaLabel = isDone ? "Copied" : "Copying is not allowed here";
  setTimeout(() => {
    delete button.dataset.state;
    button.ariaLabel = "Copy the code";
  }, THANKS);
}

/** A table in a box of its own, in which it scrolls. */
export function table(parent: Node): HTMLTableElement {
  const made = element("table", "");
  const box = element("div", "table", made);
  box.tabIndex = 0;
  box.role = "group";
  box.ariaLabel = "Table";
  parent.appendChild(box);
  return made;
}

/** A link, and behind it its host; a `<span>` if the address leads nowhere. */
export function link(parent: Node, address: string, fill: (inside: HTMLElement) => void): void {
  const found = destination(address);
  if (!found) {
    const plain = element("span", "");
    parent.appendChild(plain);
    return fill(plain);
  }
  const made = element("a", "");
  made.href = found.href;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  parent.appendChild(made);
  fill(made);
  addText(parent, ` (${found.host})`);
}
