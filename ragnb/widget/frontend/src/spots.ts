/**
 * Where something stands that the model did not write into its text: a citation reported beside it, or a
 * seam. The twin of `ragnb/display/places.py`: behind the word before it, where it breaks nothing.
 */

import { withoutEnd } from "./trim";

/** What begins a line or stands below one, and no more. */
export const MARKS = /^(?:[-*+>#|=: \t]|\d{1,9}[.)])*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const FENCE_END = /^[ \t>]*(?:`{3,}|~{3,})[ \t]*$/;
const FENCE = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:`{3,}[^`]*|~{3,}.*)$/;
export const ROW = /^[ \t>]*\|/;
const TARGET = /^\([^()\s]*\)/;

/** Units of the text before it, and line feeds where it cannot stand beside what is there. */
export type Spot = [index: number, before: string, after: string];

/** The spot at `end` or before it, in a text that begins with a line, in a fence or not. */
export function behind(text: string, end: number, isFence: boolean): Spot {
  let index = end;
  for (;;) {
    index = text.slice(0, index).trimEnd().length;
    if (!index) return isFence ? [end, "", ""] : [0, "", "\n\n"];
    const start = text.lastIndexOf("\n", index - 1) + 1;
    const line = text.slice(start, index);
    if (isWithin(text.slice(0, start), isFence)) {
      return FENCE_END.test(line) ? [index, "\n\n", ""] : [end, "", ""];
    }
    if (FENCE.test(line) && text.slice(index, end).includes("\n")) return [end, "", ""];
    const isBelowText = /[^\n][ \t]*\n$/.test(text.slice(0, start));
    if (RULE.test(line) && !isBelowText) return [index, "\n\n", ""];
    if (!start || !MARKS.test(line)) {
      if (ROW.test(line)) index = start + withoutEnd(line, "| \t").length;
      else if (index === end) index = pastMarks(text, index);
      return [index, "", ""];
    }
    index = start;
  }
}

/** Whether what follows these lines is in a fence. */
function isWithin(lines: string, isFence: boolean): boolean {
  let isIn = isFence;
  for (const line of lines.split("\n")) {
    if (isIn ? FENCE_END.test(line) : FENCE.test(line)) isIn = !isIn;
  }
  return isIn;
}

/** Behind a run of marks, or the address of a link, that would be torn apart. */
function pastMarks(text: string, begin: number): number {
  const last = text[begin - 1]!;
  let index = begin;
  if ("*~`".includes(last)) while (text[index] === last) index += 1;
  if (last !== "]") return index;
  return index + (TARGET.exec(text.slice(index, index + 2_000))?.[0].length ?? 0);
}
