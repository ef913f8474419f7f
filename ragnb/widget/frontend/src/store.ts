/** The log of one answer, and what follows from it: the twin of `ragnb/answer.py`. */

import type { Hit, LogEvent } from "./events";
import { read } from "./events";

export type Status = "running" | "finished" | "cancelled" | "failed";
type Kind = LogEvent["type"];
type Of<K extends Kind> = Extract<LogEvent, { type: K }>;

/** Everything is kept as it arrives, so that a batch costs what is in it and not what came before. */
export class Store {
  readonly events: LogEvent[] = [];
  /** The texts of the tokens: joined they are the answer. */
  readonly pieces: string[] = [];
  /** When each token came, in seconds. */
  readonly arrivals: number[] = [];
  /** What stands where the next event should: its `seq`, or no event; null while the log is whole. */
  brokenBy: number | "nothing" | null = null;
  /** What the kernel says is wrong with the log's file, a sentence each. */
  noted: readonly string[] = [];
  readonly #byKind = new Map<Kind, LogEvent[]>();

  /**
   * Append what is new of the items from `seq` on; false if the next event is not among them.
   *
   * A run of tokens comes as one item, `{type: "Tokens", at: […], texts: […]}`.
   */
  take(seq: number, items: readonly unknown[]): boolean {
    let next = seq;
    if (next > this.events.length) return this.#breaks(next);
    for (const item of items) {
      const { type, at, texts } = (item ?? {}) as { type?: unknown; at: number[]; texts: string[] };
      const isRun = type === "Tokens";
      for (const raw of isRun ? texts.map((text, n) => ({ type: "Token", seq: next + n, at: at[n], text })) : [item]) {
        if (next === this.events.length) {
          const event = read(raw);
          if (event?.seq !== next) return this.#breaks(event ? event.seq : "nothing");
          this.#append(event);
        }
        next += 1;
      }
    }
    this.brokenBy = null;
    return true;
  }

  #breaks(by: number | "nothing"): boolean {
    this.brokenBy = by;
    return false;
  }

  #append(event: LogEvent): void {
    this.events.push(event);
    if (event.type === "Token") {
      this.pieces.push(event.text);
      this.arrivals.push(event.at);
      return;
    }
    const like = this.#byKind.get(event.type);
    if (like) like.push(event);
    else this.#byKind.set(event.type, [event]);
  }

  /** All events of one kind, in order; for tokens see `pieces` and `arrivals`. */
  all<K extends Exclude<Kind, "Token">>(kind: K): readonly Of<K>[] {
    return (this.#byKind.get(kind) ?? []) as Of<K>[];
  }

  latest<K extends Exclude<Kind, "Token">>(kind: K): Of<K> | undefined {
    return this.all(kind).at(-1);
  }

  get citations(): readonly Of<"Cited">[] {
    return this.all("Cited");
  }

  get resumptions(): readonly Of<"Resumed">[] {
    return this.all("Resumed");
  }

  get last(): LogEvent | undefined {
    return this.events.at(-1);
  }

  get status(): Status {
    const kind = this.last?.type;
    const isFinal = kind === "Finished" || kind === "Cancelled" || kind === "Failed";
    return isFinal ? (kind.toLowerCase() as Status) : "running";
  }

  get ended(): boolean {
    return this.status !== "running";
  }

  get started(): Of<"Started"> | undefined {
    return this.all("Started")[0];
  }

  get hasText(): boolean {
    return this.pieces.some(Boolean);
  }

  /** The whole answer; costs its length. */
  get text(): string {
    return this.pieces.join("");
  }

  /** The hits in their latest order. */
  get ranking(): Of<"Reranked" | "Retrieved"> | undefined {
    return this.latest("Reranked") ?? this.latest("Retrieved");
  }

  /** The passages given to the model. Source number n of a citation is `sources[n - 1]`. */
  get sources(): readonly Hit[] {
    return this.ranking?.hits.slice(0, this.started?.k ?? 0) ?? [];
  }

  get model(): string {
    return this.latest("Routed")?.model ?? "";
  }

  /** Seconds from the question to a moment of the log's clock. */
  since(at: number): number {
    return at - (this.started?.at ?? 0);
  }

  /** Seconds from the question to the first token; null before it. */
  get ttft(): number | null {
    const [first] = this.arrivals;
    return first === undefined ? null : this.since(first);
  }

  /** Seconds from the question to the last event. */
  get total(): number {
    return this.last ? this.since(this.last.at) : 0;
  }

  /** Tokens per second between the first and the last; null where no time went by. */
  get pace(): number | null {
    const { arrivals } = this;
    const length = (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0);
    return length > 0 ? (arrivals.length - 1) / length : null;
  }

  /** USD over all attempts; null if any attempt's price is unknown or none was made. */
  get cost(): number | null {
    const costs = this.all("Used").map((event) => event.cost ?? NaN);
    const cost = costs.length ? sum(costs) : NaN;
    return Number.isNaN(cost) ? null : cost;
  }
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
