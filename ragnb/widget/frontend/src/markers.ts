/** What may still become a citation is not drawn: the twin of `MarkerReader` in `ragnb/citations.py`. */

import { MARKS, ROW } from "./spots";
import { withoutEnd } from "./trim";

const MARKER =
  /[[【]\s*(?:(?:source|passage)\s+)?\d{1,3}(?:\s*[,;]\s*\d{1,3})*\s*(?:†[^\]】\n]{0,40})?[\]】]/gi;
const UNFINISHED = /[[【][^[【\]】\n]{0,60}$/;
const LONGEST = 120;

/**
 * How much of a text is certain. Of a marker that ends in the last token, or right before it, its
 * citation may be on its way; white space, marks and bars at the end may have to follow a chip. `line`
 * is what stands before the text in its line.
 */
export function safeLength(
  text: string,
  line: string,
  lastToken: number,
  isCited: (index: number) => boolean,
): number {
  const from = Math.max(0, lastToken - LONGEST);
  MARKER.lastIndex = from;
  for (let found = MARKER.exec(text); found; found = MARKER.exec(text)) {
    if (MARKER.lastIndex >= lastToken && !isCited(found.index)) return found.index;
  }
  const end = Math.max(0, text.length - LONGEST);
  const unfinished = UNFINISHED.exec(text.slice(end));
  if (unfinished) return end + unfinished.index;
  const isHalf = /[\ud800-\udbff]$/.test(text);
  return Math.max(0, withoutMarks(line + (isHalf ? text.slice(0, -1) : text)) - line.length);
}

/** The length of a text without what is no word at its end. */
function withoutMarks(text: string): number {
  let length = text.trimEnd().length;
  while (length) {
    const start = text.lastIndexOf("\n", length - 1) + 1;
    const line = text.slice(start, length);
    if (!start || !MARKS.test(line)) return start + (ROW.test(line) ? withoutEnd(line, "| \t") : line).length;
    length = text.slice(0, start).trimEnd().length;
  }
  return 0;
}
