/** The lines of a table, cut into cells as markdown-it does it. */

import { MORE } from "./brackets";
import type { Found } from "./brackets";

export type Align = "" | "right" | "center";

/** The cells of a row; a `|` after a backslash is part of its cell. */
export function cells(row: string): string[] {
  const found: string[] = [];
  let cell = "";
  let isEscaped = false;
  for (const part of row.trim().split(/([|\\])/)) {
    if (part === "|" && !isEscaped) {
      found.push(cell);
      cell = "";
    } else {
      cell = part === "|" ? cell.slice(0, -1) + part : cell + part;
    }
    if (part) isEscaped = part === "\\";
  }
  found.push(cell);
  if (found[0] === "") found.shift();
  if (found.at(-1) === "") found.pop();
  return found.map((text) => text.trim());
}

/** How the columns are aligned, if this is the line between a table's head and its body. */
export function alignments(line: string, isWhole: boolean): Found<Align[]> {
  if (!/^[-:|][-:|\s]*$/.test(line) || /^-\s/.test(line)) return null;
  if (!isWhole) return MORE;
  const columns = line.split("|").map((column) => column.trim());
  if (!columns[0]) columns.shift();
  if (columns.length && !columns.at(-1)) columns.pop();
  if (line.length < 2 || !columns.every((column) => /^:?-+:?$/.test(column))) return null;
  return columns.map((column) => (!column.endsWith(":") ? "" : column.startsWith(":") ? "center" : "right"));
}
