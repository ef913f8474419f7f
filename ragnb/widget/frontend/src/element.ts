/** Elements, made of text and other elements and of nothing that is parsed as HTML. */

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  name: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (name) made.className = `ragnb-${name}`;
  made.append(...children);
  return made;
}

export function button(name: string, text: string, press: () => void): HTMLButtonElement {
  const made = element("button", name, text);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

/** Set a text only where it differs, so that a selection in it survives. */
export function say(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
  target.hidden = text === "";
}

/** Give an element the focus; the page stays where it is. */
export function focus(target: HTMLElement | null | undefined): void {
  target?.focus({ preventScroll: true });
}
