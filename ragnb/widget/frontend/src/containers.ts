/** Quotations and list items, the blocks that hold other blocks. */

import { MORE } from "./brackets";
import type { Found } from "./brackets";
import { element } from "./element";
import type { Line } from "./line";

/** A container that begins in a line: a quotation if it has no marker. */
export interface Start {
  /** The character that an item's list is told by. */
  marker: string;
  number: string;
  /** Columns before its content. */
  indent: number;
  isEmpty: boolean;
}

interface Container extends Start {
  made: HTMLElement;
  list: HTMLElement | null;
  /** A blank line after nothing ended it; its list may go on. */
  isEnded: boolean;
}

export interface Containers {
  count(): number;
  /** The element that the next block belongs to. */
  top(): Node;
  /** How much deeper it may go within the first so many. */
  room(matched: number): number;
  /** How many of the containers go on in this line, which is read past their marks. */
  match(line: Line, isWhole: boolean): number | typeof MORE;
  /** The container that begins here, if one does; the line is read past its mark. */
  start(line: Line, isWhole: boolean, isInParagraph: boolean): Found<Start>;
  /** A blank line, which ends all but the first so many. */
  blank(matched: number): void;
  /** Close all but the first so many, open others; gives back the innermost one's element. */
  open(matched: number, starts: readonly Start[]): Node;
}

const ROOM = 60; // lists and quotations within each other, a list counting twice: as in Python
const MARKER = /^(?:([-+*])|(\d{1,9})([.)]))(?=[ \t]|$)/;
const QUOTATION: Start = { marker: "", number: "", indent: 0, isEmpty: false };

/** How much room a container takes. */
export function roomOf({ marker }: Start): number {
  return marker ? 2 : 1;
}

export function containersIn(root: Node): Containers {
  const stack: Container[] = [];
  let isAfterBlank = false;
  const top = (): Node => stack.at(-1)?.made ?? root;

  function newList({ number }: Start): HTMLElement {
    const list = element(number ? "ol" : "ul", "");
    if (number && Number(number) !== 1) (list as HTMLOListElement).start = Number(number);
    top().appendChild(list);
    return list;
  }

  return {
    top,
    count: () => stack.length,
    room: (matched) => stack.slice(0, matched).reduce((room, container) => room - roomOf(container), ROOM),

    match(line, isWhole) {
      for (const [index, { marker, indent, isEmpty, isEnded }] of stack.entries()) {
        const marks = line.marks();
        if (isEnded) return index;
        if (!marks) {
          if (!isWhole) return MORE;
          if (!marker || isEmpty) return index;
        } else if (marker) {
          if (line.indent() < indent) return index;
          line.take(indent);
        } else {
          if (line.indent() > 3 || marks[0] !== ">") return index;
          if (marks === ">" && !isWhole) return MORE;
          line.skip(1);
          line.take(1);
        }
      }
      return stack.length;
    },

    start(line, isWhole, isInParagraph) {
      const marks = line.marks();
      if (!isWhole && /^(?:[-+*>]|\d{1,9}[.)]?)$/.test(marks)) return MORE;
      if (marks[0] === ">") {
        line.skip(1);
        line.take(1);
        return QUOTATION;
      }
      const [found, bullet, number = "", delimiter] = MARKER.exec(marks) ?? [];
      if (!found) return null;
      const isEmpty = !marks.slice(found.length).trim();
      if (isEmpty && !isWhole) return MORE;
      // A line of a paragraph may begin with a number.
      if (isInParagraph && (isEmpty || (number && Number(number) !== 1))) return null;
      const before = line.indent() + found.length;
      line.skip(found.length);
      const space = isEmpty || line.indent() > 4 ? 1 : line.indent();
      line.take(space);
      return { marker: bullet ?? delimiter!, number, indent: before + space, isEmpty };
    },

    blank(matched) {
      const last = stack[matched];
      const isJustEnded = last?.marker && !last.isEnded;
      if (isJustEnded) last.isEnded = true;
      stack.length = isJustEnded ? matched + 1 : matched;
      isAfterBlank = true;
    },

    open(matched, starts) {
      const next = stack[matched];
      const isSibling = next?.marker && next.marker === starts[0]?.marker;
      stack.length = matched;
      const parent = stack.at(-1);
      const loose = isSibling ? next : parent?.made.firstChild ? parent : null;
      if (isAfterBlank) loose?.list?.classList.add("ragnb-loose");
      isAfterBlank = false;
      for (const container of stack) container.isEmpty = false;
      starts.forEach((start, index) => {
        const list = !start.marker ? null : isSibling && !index ? next.list : newList(start);
        const made = element(list ? "li" : "blockquote", "");
        (list ?? top()).appendChild(made);
        stack.push({ ...start, list, made, isEnded: false });
      });
      return top();
    },
  };
}
