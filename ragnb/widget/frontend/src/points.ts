/** Python counts code points, JavaScript UTF-16 units. */

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

export function countPoints(text: string): number {
  return text.length - (text.match(PAIR)?.length ?? 0);
}

/** How many units of a text its first code points take; all of them if it has fewer. */
export function unitsOf(text: string, points: number): number {
  let units = 0;
  for (let left = points; left > 0 && units < text.length; ) {
    let piece = text.slice(units, units + left);
    if (/[\ud800-\udbff]$/.test(piece)) piece = text.slice(units, units + left + 1);
    units += piece.length;
    left -= countPoints(piece);
  }
  return units;
}
