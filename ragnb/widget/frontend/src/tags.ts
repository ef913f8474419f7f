/**
 * What stands in the Markdown for a citation or a seam: its number between two characters that no text
 * holds. Unicode keeps U+FDD0 to U+FDEF for such uses within a program, and `clean` takes them out of
 * what the model wrote. To Markdown a tag is punctuation, as `[1]` is.
 */

import { readable } from "./words";

export const TAG_BEGIN = "\ufdd0";
export const TAG_END = "\ufdd1";
const INTERNAL = /[\ufdd0-\ufdef]/g;
const TAG = /\ufdd0(\d+)\ufdd1/;

export function tag(index: number): string {
  return `${TAG_BEGIN}${index}${TAG_END}`;
}

/** The text as it may be parsed and shown. */
export function clean(text: string): string {
  return readable(text).replace(INTERNAL, "\ufffd");
}

/** The text between the tags, and the numbers of the tags, in order. */
export function atTags(text: string, onText: (text: string) => void, onTag: (index: number) => void): void {
  if (!text.includes(TAG_BEGIN)) return onText(text);
  text.split(TAG).forEach((piece, index) => {
    if (index % 2) onTag(Number(piece));
    else if (piece) onText(piece);
  });
}
