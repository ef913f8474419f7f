/** A line of Markdown that is read from the left: its indentation in columns, then its marks. */

export interface Line {
  /** Columns of white space from here. */
  indent(): number;
  /** What comes after the white space; empty in a blank line. */
  marks(): string;
  /** Everything from here. */
  rest(): string;
  /** Take up to so many columns of white space. */
  take(columns: number): void;
  /** Pass over the white space, then over so many characters. */
  skip(characters: number): void;
}

export function lineOf(text: string): Line {
  let position = 0;
  let column = 0;
  let pad = 0; // columns of a tab that was taken in part

  function indent(): number {
    let columns = column + pad;
    for (let index = position; ; index++) {
      if (text[index] === " ") columns += 1;
      else if (text[index] === "\t") columns += 4 - (columns % 4);
      else return columns - column;
    }
  }

  function take(columns: number): void {
    for (let left = columns; left > 0; ) {
      if (pad) {
        const taken = Math.min(pad, left);
        pad -= taken;
        column += taken;
        left -= taken;
        continue;
      }
      const character = text[position];
      if (character !== " " && character !== "\t") return;
      position += 1;
      pad = character === " " ? 1 : 4 - (column % 4);
    }
  }

  return {
    indent,
    take,
    marks: () => /^[ \t]*([^]*)/.exec(text.slice(position))![1]!,
    rest: () => " ".repeat(pad) + text.slice(position),
    skip(characters) {
      take(indent());
      position += characters;
      column += characters;
    },
  };
}
