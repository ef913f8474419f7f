/** The answer as Markdown for the clipboard, with its sources, loading nothing where it is pasted. */

import type { Store } from "./store";
import * as words from "./words";

// What a page that renders Markdown would obey; a number may stand for a bidi override.
const LIVE =
  /(?<=!)\[|<(?=[a-z/!?])|(?<=\])\((?![ \t\n]*(?:https?:\/\/|mailto:))|(?<=\]):|&(?=#)/gi;
// A block of code that begins its line; its last group is empty where the text ends before the code does.
const FENCED = /^(?:(`{3,})[^`\n]*|(~{3,}).*)(?:\n(?!\1\2(?:(?<=`)`*|(?<=~)~*)[ \t]*$).*)*(\n.*)?$/gm;
const SPAN = /(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g;
const SPAN_OR_LIVE = new RegExp(`${SPAN.source}|${LIVE.source}`, "gi");

/** The text, the trouble if there is any, the cited sources with their quotes, and the facts. */
export function asMarkdown(log: Store): string {
  const text = withNumbers(log);
  const open = [...text.matchAll(FENCED)].find(([, , , end]) => !end);
  const lines = [open ? `${text}\n${open[1] ?? open[2]}` : text];
  const state = words.status(log);
  if (state) lines.push("", `*${state}*`);
  const cited = words.sources(log).filter(({ quotes }) => quotes.length);
  if (cited.length) lines.push("", "**Sources**", "");
  for (const { number, title, place, quotes } of cited) {
    lines.push(`${number}. ${[title, place].filter(Boolean).join(" — ")}`);
    for (const quote of quotes) lines.push(`   > ${words.squeeze(quote.text)}`, "");
  }
  const facts = words.summary(log);
  if (facts.length) lines.push("", `*${facts.join(" · ")}*`);
  return inert(words.readable(lines.join("\n")).trim());
}

/** The text, with a `[n]` where a citation came without one. */
function withNumbers(log: Store): string {
  const points = [...log.text];
  let text = "";
  let position = 0;
  for (const { end, marker, quotes } of [...log.citations].sort((a, b) => a.end - b.end)) {
    if (marker) continue;
    text += points.slice(position, end).join("").trimEnd();
    text += (/(```|~~~)$/.test(text) ? "\n\n" : "") + quotes.map(({ number }) => `[${number}]`).join("");
    position = end;
    while (/\s/.test(points[position - 1] ?? "")) position -= 1;
  }
  return text + points.slice(position).join("");
}

/**
 * The text with everything live in it escaped, but in code.
 *
 * Only code that every reader of Markdown takes for code is left as it is: fences that begin their
 * line, and spans that begin and end on one line of a paragraph whose backticks all match.
 */
export function inert(text: string): string {
  if (/^.+?(`{3}|~{3})/m.test(text)) return escape(text, LIVE);
  let done = "";
  let position = 0;
  for (const { 0: code, index } of text.matchAll(FENCED)) {
    done += outside(text.slice(position, index)) + code;
    position = index + code.length;
  }
  return done + outside(text.slice(position));
}

function outside(text: string): string {
  const paragraphs = text.split(/(\n[ \t]*\n)/).map((paragraph) => {
    const isClear = !/[|]|\\`/.test(paragraph) && !paragraph.replace(SPAN, "").includes("`");
    return escape(paragraph, isClear ? SPAN_OR_LIVE : LIVE);
  });
  return paragraphs.join("");
}

function escape(text: string, pattern: RegExp): string {
  return text.replace(pattern, (found) =>
    found === "<" ? "&lt;" : found === "&" ? "&amp;" : /^[[(:]$/.test(found) ? `\\${found}` : found,
  );
}
