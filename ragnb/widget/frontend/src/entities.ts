/** Entities: `&amp;`, `&#42;`, `&#x2a;`. */

export const ENTITY = /&(?:#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z][a-z0-9]{1,31});/iy;

/** What an entity stands for; null if there is none of that name. */
export function decode(entity: string): string | null {
  const number = /^&#(?:x([0-9a-f]+)|(\d+));$/i.exec(entity);
  if (number) return character(number[1] ? parseInt(number[1], 16) : Number(number[2]));
  // The browser knows the 2,000 names; a name is all that it is given to parse.
  try {
    const text = new DOMParser().parseFromString(entity, "text/html").body.textContent;
    return text.length <= 2 ? text : null;
  } catch {
    return null; // a page may forbid it by its policy on trusted types
  }
}

/** As markdown-it has it: what is no character of a text becomes U+FFFD. */
function character(code: number): string {
  const isInvalid =
    (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0xfdd0 && code <= 0xfdef) ||
    (code & 0xfffe) === 0xfffe ||
    code <= 0x08 ||
    code === 0x0b ||
    (code >= 0x0e && code <= 0x1f) ||
    (code >= 0x7f && code <= 0x9f) ||
    code > 0x10ffff;
  return isInvalid ? "\ufffd" : String.fromCodePoint(code);
}
