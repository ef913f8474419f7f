/** The blocks that hold text: paragraphs, headings, code, tables. */

import { element } from "./element";
import { inlineIn } from "./inline";
import type { Context, Inline } from "./inline";
import { addCode, codeBlock, table } from "./renderer";
import { cells } from "./rows";
import type { Align } from "./rows";
import { withoutEnd } from "./trim";

interface Block {
  /** The rest of the line that was begun. */
  write(text: string): void;
  /** Nothing more comes. */
  end(): void;
}

export interface Paragraph extends Block {
  kind: "paragraph";
  /** Begin another line. */
  line(): void;
  /** A line that waits for the next one to tell whether it heads a table. */
  hold(line: string): void;
  isHolding(): boolean;
  /** The line that was held heads a table, and is none of this. */
  giveUp(): void;
  /** The cells of the last line. */
  row(): string[];
  /** It was a heading: the line below it says so. */
  underline(level: number): void;
}

export interface Heading extends Block {
  kind: "heading";
}

export interface Code extends Block {
  kind: "code";
  /** What opened it; empty for indented code. */
  fence: string;
  /** Columns before the fence. */
  indent: number;
  line(text: string): void;
  /** A blank line within indented code, if more of it follows. */
  blank(text: string): void;
  /** Whether a line ends it; before the line is whole, whether it may. */
  isEnd(line: string, isWhole: boolean): boolean;
}

export interface Table extends Block {
  kind: "table";
  row(line: string): void;
}

export type Leaf = Paragraph | Heading | Code | Table;

const LONGEST_ROW = 2_000;
const nothing = (): void => {};

export function newParagraph(parent: Node, context: Context): Paragraph {
  let made: HTMLElement | null = null;
  let inline: Inline | null = null;
  let last = ""; // the last line, as far as it may head a table
  let held: string | null = null;

  function write(text: string): void {
    if (!inline) {
      made = parent.appendChild(element("p", ""));
      inline = inlineIn(made, context);
    }
    inline.write(text);
    if (last.length < LONGEST_ROW) last += text;
  }

  function release(): void {
    if (held === null) return;
    const line = held;
    held = null;
    inline?.write("\n");
    last = "";
    write(line);
  }

  function end(): void {
    release();
    inline?.end();
  }

  return {
    kind: "paragraph",
    write,
    end,
    isHolding: () => held !== null,
    line() {
      release();
      inline?.write("\n");
      last = "";
    },
    hold(line) {
      release();
      held = line;
    },
    giveUp() {
      held = null;
      end();
    },
    row() {
      const row = held ?? last;
      return row.includes("|") ? cells(row) : [];
    },
    underline(level) {
      release();
      made?.classList.add(`ragnb-h${level}`);
      made?.setAttribute("role", "heading");
      made?.setAttribute("aria-level", String(level));
    },
  };
}

export function newHeading(parent: Node, level: number, context: Context): Heading {
  const inline = inlineIn(parent.appendChild(element(`h${level}` as "h1", "")), context);
  let tail = " "; // what may be the row of `#` at the end, or white space before the text
  let isBegun = false;
  return {
    kind: "heading",
    end: inline.end,
    write(text) {
      const all = tail + text;
      const words = withoutEnd(all, " \t");
      const rest = withoutEnd(words, "#");
      const shown = rest.length < words.length && /[ \t]$/.test(rest) ? withoutEnd(rest, " \t") : words;
      tail = all.slice(shown.length);
      inline.write(isBegun ? shown : shown.trimStart());
      isBegun ||= shown !== "";
    },
  };
}

export function newCode(parent: Node, { places }: Context, fence = "", indent = 0, language = ""): Code {
  const code = codeBlock(parent, language);
  let before = ""; // line feeds and blank lines before the next line
  const write = (text: string) => addCode(code, text, places);
  return {
    kind: "code",
    fence,
    indent,
    write,
    end: nothing,
    line(text) {
      write(before + text);
      before = "\n";
    },
    blank: (text) => void (before += `${text}\n`),
    isEnd(line, isWhole) {
      const marks = /^ {0,3}(`*|~*)[ \t]*$/.exec(line)?.[1];
      if (marks === undefined || !fence) return false;
      const isLong = isWhole ? marks.length >= fence.length : true;
      return isLong && (marks[0] ?? fence[0]) === fence[0];
    },
  };
}

export function newTable(parent: Node, head: readonly string[], aligns: readonly Align[], context: Context): Table {
  const made = table(parent);
  let body: HTMLElement | null = null;

  function add(part: Node, tag: "th" | "td", texts: readonly string[]): void {
    const row = element("tr", "");
    aligns.forEach((align, index) => {
      const inline = inlineIn(row.appendChild(element(tag, align && `align-${align}`)), context);
      inline.write(texts[index] ?? "");
      inline.end();
    });
    part.appendChild(row);
  }

  add(made.appendChild(element("thead", "")), "th", head);
  return {
    kind: "table",
    write: nothing,
    end: nothing,
    row(line) {
      body ??= made.appendChild(element("tbody", ""));
      add(body, "td", cells(line));
    },
  };
}
