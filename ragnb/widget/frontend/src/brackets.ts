/** Links, images and addresses in angle brackets, found in a text that may still grow. */

import { ENTITY, decode } from "./entities";
import { isAddress } from "./links";
import { TAG_END } from "./tags";

/** The text may go on in a way that decides it. */
export const MORE = "more";
export type Found<T> = T | null | typeof MORE;

/** The most characters of a code span, a label or an address that are waited for. */
export const LONGEST = 1_000;
const LONGEST_TARGET = 3_000;
const DEEPEST = 16;

const RUN = /`+/g;
const ANGLE = /<([^<>\s]*)/y;
const ADDRESS = /^[a-z][a-z0-9+.-]{1,31}:[^\u0000-\u0020]*$/i;
const MAILBOX =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const TITLE = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|\((?:[^()\\]|\\[^])*\)/y;
const SECOND = /\[((?:[^[\]\\]|\\[^])*)(\]?)/y;
const SPACE = /[ \t\n]*/y;
const IN_ADDRESS = new RegExp(`\\\\([!-/:-@[-\`{-~])|${ENTITY.source}`, "gi");

export interface Link {
  label: string;
  address: string;
  /** Where the text goes on. */
  end: number;
}

/** The addresses that are defined, by label, and the labels that were looked up in vain. */
export interface References {
  known: Map<string, string>;
  missed: Set<string>;
}

/** A label as it is compared. */
export function normalised(label: string): string {
  return label.trim().replace(/\s+/g, " ").toLowerCase().toUpperCase();
}

/** An address without its angle brackets, escapes and entities. */
export function unescaped(address: string): string {
  const bare = address.replace(/^<(.*)>$/, "$1");
  return bare.replace(IN_ADDRESS, (found, escaped?: string) => escaped ?? decode(found) ?? found);
}

/** The run of backticks that closes the one at `[at, end)`: where it begins and ends. */
export function closingRun(text: string, at: number, end: number, isAll: boolean): Found<[number, number]> {
  RUN.lastIndex = end;
  for (let run = RUN.exec(text); run; run = RUN.exec(text)) {
    if (RUN.lastIndex === text.length && !isAll) break;
    if (run.index - end > LONGEST) return null;
    if (run[0].length === end - at) return [run.index, RUN.lastIndex];
  }
  return isAll || text.length - end > LONGEST ? null : MORE;
}

/** `<https://…>` or `<me@…>` at a `<`. */
export function angle(text: string, at: number, isAll: boolean): Found<Link> {
  ANGLE.lastIndex = at;
  const label = ANGLE.exec(text)![1]!;
  const end = ANGLE.lastIndex;
  if (end === text.length) return isAll || label.length > LONGEST ? null : MORE;
  if (text[end] !== ">") return null;
  const address = ADDRESS.test(label) ? label : MAILBOX.test(label) ? `mailto:${label}` : "";
  return address && isAddress(address) ? { label, address, end: end + 1 } : null;
}

/**
 * What finds the link, or the image without its `!`, that begins with the `[` somewhere in a text.
 * `isAll` tells that the text does not grow.
 */
export function linksIn(text: string, isAll: boolean, { known, missed }: References): (at: number) => Found<Link> {
  const found = new Map<number, Found<Link>>();
  const unfinished = isAll ? null : MORE;

  function link(at: number, depth = 0): Found<Link> {
    if (!found.has(at)) found.set(at, read(at, depth));
    return found.get(at)!;
  }

  function read(at: number, depth: number): Found<Link> {
    const close = depth < DEEPEST ? closing(at, depth) : null;
    if (close === null || close === MORE) return close;
    const label = text.slice(at + 1, close);
    const after = text[close + 1];
    if (after === undefined && !isAll) return MORE;
    const inline = after === "(" ? target(close + 2) : null;
    if (inline) return inline === MORE ? MORE : { label, ...inline };
    return reference(label, close + 1);
  }

  /** The `]` of the `[` here, with brackets, code and addresses between them passed over. */
  function closing(at: number, depth: number): Found<number> {
    let level = 0;
    for (let index = at + 1; index < text.length; ) {
      if (index - at > LONGEST) return null;
      const character = text[index];
      let end = index + 1;
      if (character === "\\") {
        end += 1;
      } else if (character === "`") {
        while (text[end] === character) end += 1;
        if (end === text.length && !isAll) return MORE;
        const close = closingRun(text, index, end, isAll);
        if (close === MORE) return MORE;
        if (close) end = close[1];
      } else if (character === "<" || character === "[") {
        const inner = character === "<" ? angle(text, index, isAll) : link(index, depth + 1);
        if (inner === MORE) return MORE;
        if (inner) end = inner.end;
        if (character === "[") {
          if (inner && text[index - 1] !== "!") return null; // no link in a link
          if (!inner) level += 1;
        }
      } else if (character === "]") {
        if (!level) return index;
        level -= 1;
      }
      index = end;
    }
    return unfinished;
  }

  /** What stands between the parentheses of an inline link, which begins here. */
  function target(at: number): Found<{ address: string; end: number }> {
    const tooLong = (end: number) => end - at > LONGEST_TARGET;
    const begin = afterSpace(at);
    let index = begin;
    if (text[begin] === "<") {
      index = text.slice(begin, begin + LONGEST_TARGET).search(/[>\n]/) + begin;
      if (index < begin) return tooLong(text.length) ? null : unfinished;
      if (text[index] !== ">") return null;
      index += 1;
    } else {
      index = afterAddress(begin);
    }
    if (index < 0 || tooLong(index)) return null;
    const address = unescaped(text.slice(begin, index));
    const space = index;
    index = afterSpace(index);
    if (index > space && /["'(]/.test(text[index] ?? "")) {
      TITLE.lastIndex = index;
      if (!TITLE.test(text)) return tooLong(text.length) ? null : unfinished;
      index = afterSpace(TITLE.lastIndex);
    }
    if (index >= text.length) return unfinished;
    return text[index] === ")" && isAddress(address) ? { address, end: index + 1 } : null;
  }

  function afterSpace(index: number): number {
    SPACE.lastIndex = index;
    SPACE.test(text);
    return SPACE.lastIndex;
  }

  /** The end of an address without angle brackets; negative if there is none. */
  function afterAddress(begin: number): number {
    let level = 0;
    let index = begin;
    for (; index < text.length; index++) {
      const character = text[index]!;
      if (character <= " " || character === "\u007f") break;
      if (character === "\\" && text[index + 1]! > " ") index += 1;
      else if (character === "(" && ++level > 32) return -1;
      else if (character === ")" && --level < 0) break;
    }
    return level > 0 && index < text.length ? -1 : index;
  }

  /** `[text][label]`, `[label][]` or `[label]`, after its first part. */
  function reference(label: string, at: number): Found<Link> {
    SECOND.lastIndex = at;
    const [second = "", inside, close] = SECOND.exec(text) ?? [];
    const isCut = second && !close && at + second.length === text.length && second.length < LONGEST;
    if (isCut && !isAll) return MORE;
    const end = close ? at + second.length : at;
    const key = normalised((close && inside) || label);
    const address = known.get(key);
    if (address !== undefined) return { label, address, end };
    if (!key.includes(TAG_END)) missed.add(key);
    return null;
  }

  return link;
}
