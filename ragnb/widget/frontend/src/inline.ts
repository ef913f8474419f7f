/** The text of one paragraph, heading or cell, drawn as it grows. */

import { LONGEST, MORE, angle, closingRun, linksIn } from "./brackets";
import type { Found, Link, References } from "./brackets";
import { element } from "./element";
import { emphasisIn } from "./emphasis";
import { ENTITY, decode } from "./entities";
import { addCode, addText, link } from "./renderer";
import type { Places } from "./renderer";
import { TAG_BEGIN, TAG_END, atTags } from "./tags";
import { withoutEnd } from "./trim";
import { readable } from "./words";

const SPECIAL = /[\\`*~[!<&\n\ufdd0]/g;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const PUNCTUATION = /^[\p{P}\p{S}\ufdd0\ufdd1]$/u;
const LONGEST_ENTITY = 34;

export interface Context {
  places: Places;
  references: References;
}

export interface Inline {
  write(text: string): void;
  /** The text ends here: what may have become something else is what it looks like. */
  end(): void;
}

/** How many characters were dealt with, or that more text is needed to tell. */
type Step = number | typeof MORE;

/** Draw into an element; `before` is the character that stands before the text. */
export function inlineIn(root: Node, context: Context, before = " "): Inline {
  const { places, references } = context;
  const emphasis = emphasisIn(root);
  let text = ""; // what is not drawn yet
  let isAll = false;
  let plain = ""; // on its way to the page
  let linkAt = linksIn("", true, references);

  function draw(): void {
    linkAt = linksIn(text, isAll, references);
    let index = 0;
    while (index < text.length) {
      SPECIAL.lastIndex = index;
      const special = SPECIAL.exec(text)?.index ?? text.length;
      const isEnd = special === text.length;
      const found = text.slice(index, special);
      // White space at the end of a line is not shown; at the end of what there is, it waits.
      const shown = isEnd || text[special] === "\n" ? withoutEnd(found, " \t") : found;
      plain += shown;
      index += shown.length;
      if (isEnd) break;
      if (text[special] === "\n") {
        if (text.slice(index, special).endsWith("  ")) append(element("br", ""));
        plain += "\n";
        index = special + 1;
        continue;
      }
      const step = drawSpecial(index);
      if (step === MORE) break;
      index += step;
    }
    flush();
    before = characterBefore(index);
    text = text.slice(index);
  }

  function drawSpecial(at: number): Step {
    const character = text[at]!;
    switch (character) {
      case "\\":
        return drawEscape(at);
      case "`":
        return drawCode(at);
      case "*":
      case "~":
        return drawRun(at, character);
      case "&":
        return drawEntity(at);
      case "<":
        return drawLink(character, at, angle(text, at, isAll));
      case "[":
        return drawLink(character, at, linkAt(at));
      case "!":
        return drawImage(at);
      default: {
        const end = text.indexOf(TAG_END, at) + 1;
        drawTags(text.slice(at, end));
        return end - at;
      }
    }
  }

  function literal(found: string): number {
    plain += found;
    return found.length;
  }

  function flush(): void {
    addText(emphasis.at, plain);
    plain = "";
  }

  function append(node: Node): void {
    flush();
    emphasis.at.appendChild(node);
  }

  /** A text in which nothing but tags is special. */
  function drawTags(found: string): void {
    atTags(found, literal, (index) => {
      flush();
      places.draw(index, emphasis.at);
    });
  }

  function drawEscape(at: number): Step {
    const next = text[at + 1];
    if (next === undefined) return isAll ? literal("\\") : MORE;
    if (next === TAG_BEGIN) return 1; // it escapes the tag's place
    if (next === "\n") {
      append(element("br", ""));
      plain += next;
      return 2;
    }
    const maths = next === "(" ? drawMaths(at, "\\)") : next === "[" ? drawMaths(at, "\\]") : null;
    if (maths) return maths;
    if (!ESCAPABLE.test(next)) return literal("\\");
    plain += next;
    return 2;
  }

  /** `\(…\)` and `\[…\]` stay as they were written: legible, and nothing emphasised. */
  function drawMaths(at: number, end: string): Found<number> {
    const stop = text.indexOf(end, at + 2);
    if ((stop < 0 ? text.length : stop) - at > LONGEST) return null;
    if (stop < 0) return isAll ? null : MORE;
    drawTags(text.slice(at, stop + 2));
    return stop + 2 - at;
  }

  function drawCode(at: number): Step {
    let end = at;
    while (text[end] === "`") end += 1;
    if (end === text.length && !isAll) return MORE;
    const close = closingRun(text, at, end, isAll);
    if (close === MORE) return MORE;
    if (!close) return literal(text.slice(at, end));
    const content = text.slice(end, close[0]).replaceAll("\n", " ");
    const code = element("code", "");
    addCode(code, /^ .*[^ ].* $/.test(content) ? content.slice(1, -1) : content, places);
    append(code);
    return close[1] - at;
  }

  function drawRun(at: number, marker: string): Step {
    let end = at;
    while (text[end] === marker) end += 1;
    if (end === text.length && !isAll) return MORE;
    const length = end - at;
    if (marker === "~" && length === 1) return literal(marker);
    const left = kind(characterBefore(at));
    const right = kind(end === text.length ? " " : String.fromCodePoint(text.codePointAt(end)!));
    const opens = right !== "white" && (right === "word" || left !== "word");
    const closes = left !== "white" && (left === "word" || right !== "word");
    flush();
    emphasis.add(marker, length, opens, closes);
    return length;
  }

  function drawEntity(at: number): Step {
    ENTITY.lastIndex = at;
    const found = ENTITY.exec(text)?.[0];
    const rest = text.slice(at, at + LONGEST_ENTITY);
    if (!found && !isAll && rest.length < LONGEST_ENTITY && /^&#?[a-z0-9]*$/i.test(rest)) return MORE;
    const decoded = found ? decode(found) : null;
    if (!found || decoded === null) return literal("&");
    plain += readable(decoded);
    return found.length;
  }

  function drawImage(at: number): Step {
    if (at + 1 === text.length && !isAll) return MORE;
    const found = text[at + 1] === "[" ? linkAt(at + 1) : null;
    if (found === MORE) return MORE;
    if (!found) return literal("!");
    // An image is its text: nothing is fetched from anywhere.
    drawTags(`[image: ${found.label}]`);
    return found.end - at;
  }

  function drawLink(character: string, at: number, found: Found<Link>): Step {
    if (found === MORE) return MORE;
    if (!found) return literal(character);
    flush();
    const behind: number[] = []; // no button within a link
    const put = (index: number) => void behind.push(index);
    let address = "";
    atTags(
      found.address,
      (piece) => (address += piece),
      (index) => (places.marker(index) ? (address += places.marker(index)) : put(index)),
    );
    link(emphasis.at, address, (parent) => {
      if (character === "<") return addText(parent, found.label);
      const inside = inlineIn(parent, { references, places: { ...places, draw: put } }, "[");
      inside.write(found.label);
      inside.end();
    });
    for (const index of behind) places.draw(index, emphasis.at);
    return found.end - at;
  }

  function characterBefore(index: number): string {
    const isPair = /[\udc00-\udfff]/.test(text[index - 1] ?? "");
    return index ? text.slice(index - (isPair ? 2 : 1), index) : before;
  }

  return {
    write(more) {
      text += more;
      draw();
    },
    end() {
      isAll = true;
      draw();
      emphasis.end();
    },
  };
}

function kind(character: string): "white" | "punctuation" | "word" {
  if (/^\s$/.test(character)) return "white";
  return PUNCTUATION.test(character) ? "punctuation" : "word";
}
