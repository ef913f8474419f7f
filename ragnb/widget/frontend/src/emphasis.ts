/**
 * Emphasis that is drawn before it is known to end.
 *
 * A run of `*` or `~~` that may open emphasis opens it at once. What closes it is found as CommonMark
 * says, from the nearest opener outwards. An opener that nothing closes is undone: its characters are
 * put where they stood, and its element loses its looks; nothing that was drawn is taken away.
 */

import { element } from "./element";
import { addText } from "./renderer";

const DEEPEST = 32;

interface Layer {
  made: HTMLElement;
  /** Characters that opened it. */
  size: number;
}

interface Opener {
  marker: string;
  /** The length of the whole run, for CommonMark's rule of three; 0 where that does not hold. */
  run: number;
  closes: boolean;
  /** Outermost first. */
  layers: Layer[];
}

export interface Emphasis {
  /** The element that text goes to. */
  at: Node;
  /** A run of markers. */
  add(marker: string, length: number, opens: boolean, closes: boolean): void;
  /** Nothing more can close what is open. */
  end(): void;
}

export function emphasisIn(root: Node): Emphasis {
  const openers: Opener[] = [];

  function open(marker: string, run: number, closes: boolean, length: number): void {
    const layers: Layer[] = [];
    for (let left = length; left; left -= layers.at(-1)!.size) {
      const size = marker === "~" ? 2 : left % 2 || 2;
      const made = element(marker === "~" ? "s" : size === 2 ? "strong" : "em", "");
      emphasis.at.appendChild(made);
      emphasis.at = made;
      layers.push({ made, size });
    }
    openers.push({ marker, run, closes, layers });
  }

  /** Close the innermost layer; gives back how many of the closing characters it took. */
  function close({ layers, marker }: Opener, left: number): number {
    const { made, size } = layers.pop()!;
    emphasis.at = made.parentNode!;
    if (size <= left) return size;
    // One star closes what two opened: the other one goes outwards.
    made.className = "ragnb-as-em";
    const outer = layers.at(-1);
    if (outer?.size === 1) {
      outer.size = 2;
      outer.made.className = "ragnb-as-strong";
    } else {
      made.before(marker);
    }
    return 1;
  }

  const emphasis: Emphasis = {
    at: root,

    add(marker, length, opens, closes) {
      const run = marker === "*" ? length : 0;
      const lone = marker === "~" ? marker.repeat(length % 2) : "";
      let left = length - lone.length;
      if (!closes) addText(emphasis.at, lone);
      while (closes && left) {
        const index = openers.findLastIndex((opener) => {
          const isOdd = (opener.closes || opens) && (opener.run + run) % 3 === 0 && (opener.run % 3 || run % 3);
          return opener.marker === marker && !isOdd;
        });
        if (index < 0) break;
        while (openers.length > index + 1) undo(openers.pop()!);
        left -= close(openers[index]!, left);
        if (!openers[index]!.layers.length) openers.pop();
      }
      if (closes) addText(emphasis.at, lone);
      if (opens && left && openers.length < DEEPEST && left < DEEPEST) open(marker, run, closes, left);
      else addText(emphasis.at, marker.repeat(left));
    },

    end() {
      while (openers.length) undo(openers.pop()!);
    },
  };
  return emphasis;
}

function undo({ layers, marker }: Opener): void {
  for (const { made, size } of layers) {
    made.className = "ragnb-undone";
    made.prepend(marker.repeat(size));
  }
}
