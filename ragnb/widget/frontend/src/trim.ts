/** The text without such characters at its end. A pattern would take quadratic time on long runs of them. */
export function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end && characters.includes(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}
