/** The golden logs, which bind this front end and the static rendering to each other. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../../../tests/golden");

export interface Shown {
  question: string;
  state: string;
  status: string;
  text: string;
  visible: string;
  citations: { start: number; end: number; marker: [number, number] | null; numbers: number[]; quotes: string[] }[];
  sources: {
    number: number;
    title: string;
    place: string;
    file: string;
    score: string;
    text: string;
    quotes: { start: number; end: number; text: string }[];
    quoted: string;
  }[];
  summary: string[];
  stages: [string, number, number][];
  pace: string;
  seams: [number, string][];
  notes: string[];
}

export interface Golden {
  name: string;
  /** The lines of the log; null for a line that is no JSON. */
  events: unknown[];
  shown: Shown;
}

export const GOLDEN: Golden[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".jsonl"))
  .map((file) => {
    const name = file.replace(".jsonl", "");
    const lines = readFileSync(join(FOLDER, file), "utf8").split("\n").slice(0, -1);
    return {
      name,
      events: lines.filter(Boolean).map(parsed),
      shown: JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")) as Shown,
    };
  });

export function golden(name: string): Golden {
  const found = GOLDEN.find((log) => log.name === name);
  if (!found) throw new Error(`there is no golden log ${name}`);
  return found;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** As the kernel sends events: runs of tokens packed as one item. */
export function packed(events: readonly unknown[]): unknown[] {
  const items: unknown[] = [];
  let run: { type: "Tokens"; at: number[]; texts: string[] } | null = null;
  let next = -1;
  for (const event of events) {
    const { type, seq, at, text } = (event ?? {}) as { type?: string; seq: number; at: number; text: string };
    const isNext = seq === next || next < 0;
    next = seq + 1;
    if (type !== "Token" || !isNext) {
      run = null;
      items.push(event);
      continue;
    }
    if (!run) items.push((run = { type: "Tokens", at: [], texts: [] }));
    run.at.push(at);
    run.texts.push(text);
  }
  return items;
}

const BLOCKS = "p, h1, h2, h3, h4, h5, h6, ul, ol, li, pre, blockquote, table, thead, tbody, tr, th, td, hr, br, div";

/** The text that one sees, as `tests/golden/make.py` takes it: white space as one blank, also around blocks. */
export function visible(node: Node): string {
  const text = (node: Node): string => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent ?? "";
    const inside = [...node.childNodes].map(text).join("");
    return (node as Element).matches(BLOCKS) ? ` ${inside} ` : inside;
  };
  return text(node).replace(/\s+/g, " ").trim();
}
