/** Texts drawn as a kernel sends them, and what there is to see of them. */

import type { LogEvent } from "../src/events";
import { createText } from "../src/markdown";
import { Store } from "../src/store";

/** An event but for its place in the log. */
type Said = { type: LogEvent["type"] } & Record<string, unknown>;

export class Drawing {
  readonly root = document.createElement("div");
  readonly log = new Store();
  readonly chips: { numbers: readonly number[]; button: HTMLElement }[] = [];
  private readonly text = createText(this.root, {
    chip: (numbers, _, button) => void this.chips.push({ numbers, button }),
  });

  /** A batch of events, drawn as one. */
  say(...events: Said[]): this {
    const seq = this.log.events.length;
    this.log.take(seq, events.map((event, index) => ({ at: seq + index, ...event, seq: seq + index })));
    this.text.update(this.log);
    return this;
  }

  /** Tokens, each drawn as it comes. */
  stream(pieces: Iterable<string>): this {
    for (const text of pieces) this.say({ type: "Token", text });
    return this;
  }

  end(): this {
    this.say({ type: "Finished", reason: "stop" });
    this.text.end();
    return this;
  }

  get html(): string {
    return this.root.innerHTML;
  }

  find(selector: string): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>(selector)];
  }
}

export function drawn(...pieces: string[]): Drawing {
  return new Drawing().stream(pieces).end();
}

/** What a passage has at least. */
export function hit(text: string, title = "Handbook", more: object = {}): object {
  return { score: 0.5, chunk: { id: title, document: title, text, title, source: "a.md", ...more } };
}

/** A log with passages to cite. */
export function withSources(...hits: object[]): Drawing {
  const found = hits.length ? hits : [hit("Refunds take five days. Ask."), hit("Dogs are welcome.", "Dogs")];
  return new Drawing().say(
    { type: "Started", answer_id: "a", question: "q", k: found.length },
    { type: "Retrieved", hits: found },
  );
}

export function quote(number = 1, start = 0, end = 23, text = "Refunds take five days."): object {
  return { number, chunk_id: "c", start, end, text };
}

const TRANSPARENT = new Set(["DIV", "SPAN", "THEAD", "TBODY"]);
const ONE = /ragnb-(?:h(?<level>\d)|as-(?<as>em|strong)|(?<undone>undone))/;

const BESIDE_BLOCKS = / ?(<\/?(?:p|li|ul|ol|h\d|br|hr|blockquote|pre|table|tr|t[hd])>) ?/g;

/** Elements and texts, white space collapsed, without what is there for the looks only. */
export function outline(parent: Element): string {
  let text = "";
  for (const node of parent.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) text += node.textContent;
    if (!(node instanceof HTMLElement) || node.className === "ragnb-code-copy") continue;
    const { level, as, undone } = ONE.exec(node.className)?.groups ?? {};
    const tag = level ? `h${level}` : (as ?? node.localName);
    const isTight = tag === "p" && parent.localName === "li";
    const isNone = TRANSPARENT.has(node.tagName) || undone || isTight;
    const inside = outline(node);
    text += isNone ? (isTight ? ` ${inside} ` : inside) : `<${tag}>${inside}</${tag}>`;
  }
  return text.replace(/\s+/g, " ").replace(BESIDE_BLOCKS, "$1");
}

export function outlineOf(html: string): string {
  const parent = document.createElement("div");
  parent.innerHTML = html.replaceAll("\n</code>", "</code>");
  return outline(parent);
}
