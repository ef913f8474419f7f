/** The clipboard, also where the page may not write to it (no HTTPS, a frame): by a selection in a field. */

import { element, focus } from "./element";

/** Copy a text; false if the page may not at all. `near` is where a field may be put for a moment. */
export async function toClipboard(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", "hidden");
    field.value = text;
    near.append(field);
    focus(field);
    field.select();
    const isDone = document.execCommand?.("copy") ?? false;
    field.remove();
    return isDone;
  }
}
