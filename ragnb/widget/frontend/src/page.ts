/** One drawing of an answer's text, from its beginning: what the log holds, each thing in its place. */

import { blocksIn } from "./blocks";
import type { Hints } from "./blocks";
import type { References } from "./brackets";
import { knownNumbers } from "./citations";
import type { Chips } from "./citations";
import { element } from "./element";
import type { Cited } from "./events";
import { safeLength } from "./markers";
import { countPoints, unitsOf } from "./points";
import { addText } from "./renderer";
import { behind } from "./spots";
import type { Store } from "./store";
import { clean, tag } from "./tags";
import { readable, seams } from "./words";

/** A citation, or a seam's sentence, for code points `[start, end)` of the answer. */
interface Place {
  start: number;
  end: number;
  shown: Cited | string;
}

const LONGEST_LINE = 4_000; // what is remembered of a line that is drawn
const FAR = 2_000; // how far behind a place its surroundings are looked at

export interface Page {
  /** Take in what is new in the log. */
  take(): void;
  /** Whether something has its place in what is drawn already. */
  isLate(): boolean;
  /** Draw what is certain, or all there is. */
  draw(isAll: boolean): void;
  end(): void;
}

export function newPage(root: Node, log: Store, chips: Chips, references: References, hints: Hints): Page {
  let pieces = 0;
  let citations = 0;
  let resumptions = 0;
  let rest = ""; // the text that is not drawn yet
  let lastToken = 0; // where in it the last token begins
  let total = 0; // code points of all the text
  let drawn = 0; // code points of what is drawn
  let line = ""; // the line that is being drawn, as far as it is
  let waiting: Place[] = []; // in the order of the text
  const placed: { place: Place; marker: string }[] = []; // in the order of their tags
  let isLate = false;
  const blocks = blocksIn(root, { places: { draw: drawPlace, drawInCode, marker }, references }, hints);

  function wait(place: Place): void {
    if (place.start < drawn) isLate = true;
    const index = waiting.findLastIndex(
      ({ start, end }) => start < place.start || (start === place.start && end <= place.end),
    );
    waiting.splice(index + 1, 0, place);
  }

  function certain(): number {
    return safeLength(rest, line, lastToken, (index) => {
      const point = drawn + countPoints(rest.slice(0, index));
      return waiting.some(({ start, end }) => start === point && start < end);
    });
  }

  /** Whether all that decides about a place is there: for a spot behind a word, what follows it too. */
  function isCertain({ start, end }: Place): boolean {
    return start < end ? end <= total : end < total;
  }

  function placeMarker(place: Place, start: number): void {
    drawText(start);
    const written = rest.slice(0, unitsOf(rest, place.end - place.start));
    blocks.write(newTag(place, clean(written)));
    pass(written);
  }

  function placeBehind(place: Place, end: number): void {
    const text = line + rest.slice(0, end + FAR);
    const [index, before, after] = behind(text, line.length + end, blocks.isFence());
    drawText(index - line.length);
    blocks.write(before + newTag(place, "") + after);
  }

  function newTag(place: Place, marker: string): string {
    return tag(placed.push({ place, marker }) - 1);
  }

  function drawText(units: number): void {
    const text = rest.slice(0, Math.max(0, units));
    pass(text);
    blocks.write(clean(text));
  }

  /** Go on behind a text. */
  function pass(text: string): void {
    rest = rest.slice(text.length);
    lastToken -= text.length;
    drawn += countPoints(text);
    line = (line + text).slice(-LONGEST_LINE);
    line = line.slice(line.lastIndexOf("\n") + 1);
  }

  function drawPlace(index: number, parent: Node): void {
    const { shown } = placed[index]!.place;
    if (typeof shown === "string") parent.appendChild(element("span", "seam", `[${readable(shown)}]`));
    else chips.draw(parent, shown, log);
  }

  function drawInCode(index: number, code: Node): void {
    if (typeof placed[index]!.place.shown === "string") drawPlace(index, code);
    else addText(code, marker(index));
  }

  function marker(index: number): string {
    return placed[index]!.marker;
  }

  return {
    isLate: () => isLate,
    end: blocks.end,

    take() {
      for (; pieces < log.pieces.length; pieces++) {
        const piece = log.pieces[pieces]!;
        lastToken = rest.length;
        rest += piece;
        total += countPoints(piece);
      }
      for (; citations < log.citations.length; citations++) {
        const shown = log.citations[citations]!;
        const [start, end] = shown.marker ?? [shown.end, shown.end];
        if (start <= end && knownNumbers(shown, log).length) wait({ start, end, shown });
      }
      if (resumptions === log.resumptions.length) return;
      resumptions = log.resumptions.length;
      waiting = waiting.filter(({ shown }) => typeof shown !== "string");
      const told = new Set(placed.map(({ place }) => place.shown));
      for (const [offset, text] of seams(log)) {
        if (!told.has(text)) wait({ start: offset, end: offset, shown: text });
      }
    },

    draw(isAll) {
      for (let place = waiting[0]; place; place = waiting[0]) {
        const start = unitsOf(rest, place.start - drawn);
        if (place.start >= drawn && !isAll && !isCertain(place)) {
          return drawText(Math.min(start, certain()));
        }
        waiting.shift();
        // One that overlaps the one before it, or lies beyond the text, has no place.
        if (place.start < drawn || place.end > total) continue;
        if (place.start < place.end) placeMarker(place, start);
        else placeBehind(place, start);
      }
      drawText(isAll ? rest.length : certain());
    },
  };
}
