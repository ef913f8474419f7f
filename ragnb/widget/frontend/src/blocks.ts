/**
 * The blocks of a Markdown text that grows: as CommonMark has them, with tables.
 *
 * A line is held back only until its first characters tell what it is; then it is drawn as it comes.
 * Rows of a table are drawn when they are whole, and a line that begins with `|` waits for the next
 * one, which tells whether it heads a table.
 */

import { MORE, normalised, unescaped } from "./brackets";
import { containersIn, roomOf } from "./containers";
import type { Start } from "./containers";
import { element } from "./element";
import type { Context } from "./inline";
import { newCode, newHeading, newParagraph, newTable } from "./leaves";
import type { Code, Leaf, Paragraph } from "./leaves";
import { lineOf } from "./line";
import type { Line } from "./line";
import { isAddress } from "./links";
import { alignments } from "./rows";

const DEFINITION =
  /^\[((?:[^[\]\\]|\\.)+)\]:[ \t]*(<[^<>]*>|[^\s<]\S*)(?:[ \t]+(?:"[^"]*"|'[^']*'|\([^()]*\)))?[ \t]*$/;
const LONGEST_DEFINITION = 2_000;

/** What turned out only after it had been drawn as something else. */
export interface Hints {
  /** Lines that head a table, though they do not begin with a bar. */
  heads: Set<number>;
  /** Whether a label was defined after it was used. */
  isDefinedLate: boolean;
}

export interface Blocks {
  write(text: string): void;
  end(): void;
  /** Whether the line is within a fence. */
  isFence(): boolean;
}

/** Whether a line was recognised and begun; false if that takes more of it, null if it is something else. */
type Read = boolean | null;

export function blocksIn(root: Node, context: Context, hints: Hints): Blocks {
  const containers = containersIn(root);
  let leaf: Leaf | null = null;
  let head = ""; // the line so far, as long as it is open what it is
  let isDecided = false;
  let number = 0; // of the line
  let isWhole = false;
  let matched = 0; // containers that go on in the line
  let isAllMatched = false;
  let starts: Start[] = []; // containers that begin in it

  function writeLine(text: string): void {
    if (isDecided) {
      if (text) leaf?.write(text);
    } else {
      head += text;
      isDecided = read();
    }
    if (!isWhole) return;
    if (leaf?.kind === "heading") finishLeaf();
    head = "";
    isDecided = false;
    number += 1;
  }

  /** Find out what the line is, and begin it. False if that takes more of it. */
  function read(): boolean {
    const line = lineOf(head);
    const found = containers.match(line, isWhole);
    if (found === MORE || (!line.marks() && !isWhole)) return false;
    matched = found;
    isAllMatched = found === containers.count();
    starts = [];
    return (leaf?.kind === "code" && isAllMatched ? readCode(leaf, line) : null) ?? readBlock(line);
  }

  function readCode(code: Code, line: Line): Read {
    if (code.fence) {
      if (code.isEnd(line.rest(), isWhole)) {
        if (isWhole) finishLeaf();
        return isWhole;
      }
      line.take(Math.min(line.indent(), code.indent));
      code.line(line.rest());
      return true;
    }
    const isBlank = !line.marks();
    if (!isBlank && line.indent() < 4) return null;
    line.take(4);
    if (isBlank) code.blank(line.rest());
    else code.line(line.rest());
    return true;
  }

  /** The containers that begin in a line, and then the block within them. */
  function readBlock(line: Line): boolean {
    let room = containers.room(matched);
    for (;;) {
      const paragraph = !starts.length && leaf?.kind === "paragraph" ? leaf : null;
      const marks = line.marks();
      if (!marks) {
        if (!isWhole) return false;
        if (starts.length) begin();
        else blank();
        return true;
      }
      if (line.indent() > 3) {
        if (paragraph) return goOn(paragraph, marks);
        line.take(4);
        const code = newCode(begin(), context);
        leaf = code;
        code.line(line.rest());
        return true;
      }
      const found =
        (paragraph && isAllMatched ? readUnderline(paragraph, marks) : null) ??
        readHeading(marks) ??
        readFence(line, marks) ??
        readRule(marks) ??
        readDefinition(marks);
      if (found !== null) return found;
      const start = room > 0 ? containers.start(line, isWhole, paragraph !== null && isAllMatched) : null;
      if (start === MORE) return false;
      if (!start) return readText(paragraph, marks);
      starts.push(start);
      room -= roomOf(start);
    }
  }

  function blank(): void {
    finishLeaf();
    containers.blank(matched);
  }

  /** A row, or a line of a paragraph. */
  function readText(paragraph: Paragraph | null, marks: string): boolean {
    if (isAllMatched && !starts.length && leaf?.kind === "table") {
      if (isWhole) leaf.row(marks);
      return isWhole;
    }
    const isRow = marks.startsWith("|") || hints.heads.has(number);
    const isHeld = isRow && (isAllMatched || !paragraph);
    if (isHeld && !isWhole) return false;
    if (paragraph && !isHeld) return goOn(paragraph, marks);
    const text = paragraph ?? newParagraph(begin(), context);
    leaf = text;
    if (isHeld) text.hold(marks);
    else text.write(marks);
    return true;
  }

  /** The line below that makes a table or a heading of a paragraph's last line. */
  function readUnderline(paragraph: Paragraph, marks: string): Read {
    const row = paragraph.row();
    const aligns = row.length ? alignments(marks, isWhole) : null;
    if (aligns === MORE) return false;
    if (aligns?.length === row.length && row.length) {
      if (paragraph.isHolding()) {
        paragraph.giveUp();
        leaf = newTable(containers.top(), row, aligns, context);
        return true;
      }
      hints.heads.add(number - 1);
    }
    const [rule] = /^(?:=+|-+)[ \t]*$/.exec(marks) ?? [];
    if (rule && isWhole) {
      paragraph.underline(rule.startsWith("=") ? 1 : 2);
      finishLeaf();
    }
    return rule ? isWhole : null;
  }

  function readHeading(marks: string): Read {
    const level = /^#{1,6}(?=[ \t]|$)/.exec(marks)?.[0].length;
    if (!level) return null;
    if (level === marks.length && !isWhole) return false;
    leaf = newHeading(begin(), level, context);
    leaf.write(marks.slice(level));
    return true;
  }

  function readFence(line: Line, marks: string): Read {
    if (!isWhole && /^(?:`{1,2}|~{1,2})$/.test(marks)) return false;
    const [found, fence = "", info = ""] = /^(`{3,}(?!.*`)|~{3,})(.*)$/.exec(marks) ?? [];
    if (!found || !isWhole) return found ? false : null;
    const [language] = /^[\w+#.-]*/.exec(unescaped(info.trim()))!;
    leaf = newCode(begin(), context, fence, line.indent(), language);
    return true;
  }

  function readRule(marks: string): Read {
    if (!/^([-*_])(?:[ \t]*\1)*[ \t]*$/.test(marks)) return null;
    if (!isWhole) return false;
    if (marks.replace(/[ \t]/g, "").length < 3) return null;
    begin().appendChild(element("hr", ""));
    return true;
  }

  function readDefinition(marks: string): Read {
    const isFree = starts.length || !(leaf?.kind === "paragraph" || leaf?.kind === "table");
    if (marks[0] !== "[" || !isFree || marks.length > LONGEST_DEFINITION) return null;
    if (!isWhole) return /^\[(?:[^[\]\\]|\\.)*\\?(?:\](?::.*)?)?$/.test(marks) ? false : null;
    const [, label = "", target = ""] = DEFINITION.exec(marks) ?? [];
    const address = unescaped(target);
    if (!label.trim() || !isAddress(address)) return null;
    begin();
    const { known, missed } = context.references;
    const key = normalised(label);
    if (!known.has(key)) known.set(key, address);
    if (missed.has(key)) hints.isDefinedLate = true;
    return true;
  }

  function goOn(paragraph: Paragraph, marks: string): true {
    paragraph.line();
    paragraph.write(marks);
    return true;
  }

  /** End what the line does not go on, open what begins in it; gives back where its block belongs. */
  function begin(): Node {
    finishLeaf();
    return containers.open(matched, starts);
  }

  function finishLeaf(): void {
    leaf?.end();
    leaf = null;
  }

  return {
    isFence: () => leaf?.kind === "code" && leaf.fence !== "",
    write(text) {
      for (let at = 0; at < text.length; ) {
        const feed = text.indexOf("\n", at);
        isWhole = feed >= 0;
        const end = isWhole ? feed : text.length;
        writeLine(text.slice(at, end));
        at = end + 1;
      }
    },
    end() {
      isWhole = true;
      if (head && !isDecided) read();
      finishLeaf();
    },
  };
}
