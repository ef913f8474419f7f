/** The log as it comes from the kernel: what was missed is asked for, and silence and death are noticed. */

import type { Kernel, Model } from "./model";
import { Store } from "./store";

const VERSION = 1;
const GREETING = 50; // ms: what was queued for us while the module loaded is handled by then
const PATIENCE = 15_000; // ms without a word from the kernel; it speaks every 5 s
const AGAIN = 2_000; // ms until the same events are asked for once more

/** Kernel states after which nothing comes any more. */
const DEAD = /dead|restarting|terminating/;

/** Why nothing more may come: the kernel is silent, or gone, or speaks another version of this protocol. */
export type Trouble = "silent" | "stopped" | "version" | null;

/** What Python sends; a message of another version may have any form. */
type Message =
  | { v: typeof VERSION; type: "events"; seq: number; events: unknown[] }
  | { v: typeof VERSION; type: "notes"; notes: string[] }
  | { v: typeof VERSION; type: "alive" | "restart" };

/** One per model; the views draw from it. */
export class Connection {
  store = new Store();
  trouble: Trouble = null;
  /** What the reader has opened, by name: a host may draw the view anew. */
  readonly opened = new Set<string>();
  readonly #model: Model;
  readonly #readers = new Set<() => void>();
  #asked = { seq: -1, at: 0 };
  #zero = Infinity;
  #greeting: ReturnType<typeof setTimeout>;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(model: Model) {
    this.#model = model;
    this.#listen("on");
    this.#kernel?.statusChanged?.connect(this.#watch);
    this.#read();
    this.#greeting = setTimeout(() => this.say("hello", this.store.events.length), GREETING);
    this.#wait();
  }

  /** Call `changed` after each change of the log or of the trouble; returns the way to end that. */
  follow(changed: () => void): () => void {
    this.#readers.add(changed);
    return () => this.#readers.delete(changed);
  }

  get blocking(): boolean {
    return this.#model.get("blocking") === true;
  }

  get canAskAgain(): boolean {
    return this.#model.get("can_ask_again") === true && this.trouble !== "stopped";
  }

  /** Whether events may still come. */
  get isOpen(): boolean {
    return !this.store.ended && this.store.brokenBy === null && this.trouble !== "stopped";
  }

  /** Seconds since the answer started; where its start was not seen, since its last event before we looked. */
  get elapsed(): number {
    return Math.max(0, performance.now() - this.#zero) / 1000;
  }

  /** Send a message to Python; `seq` is how much of the log we have. */
  say(type: "hello" | "resync" | "cancel" | "ask_again", seq?: number): void {
    this.#model.send({ v: VERSION, type, seq });
  }

  interrupt(): void {
    this.#kernel?.interrupt?.()?.catch(() => undefined);
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#greeting);
    this.#listen("off");
    this.#kernel?.statusChanged?.disconnect(this.#watch);
  }

  get #kernel(): Kernel | null | undefined {
    return this.#model.widget_manager?.kernel;
  }

  #listen(verb: "on" | "off"): void {
    this.#model[verb]("msg:custom", this.#hear);
    this.#model[verb]("change:events", this.#read);
    this.#model[verb]("comm:close", this.#stop);
  }

  readonly #hear = (message: Message | null): void => {
    const known = message?.v === VERSION ? message : null;
    this.trouble = known ? null : "version";
    if (known?.type === "restart") this.#restart();
    if (known?.type === "events") this.#take(known.seq, known.events);
    if (known?.type === "notes") this.store.noted = known.notes;
    this.#wait();
    this.#changed();
  };

  #take(seq: number, events: unknown[]): void {
    const isWhole = this.store.take(seq, events);
    this.#date();
    if (isWhole) return;
    const next = this.store.events.length;
    const { seq: asked, at } = this.#asked;
    if (asked === next && seq <= next) return; // it came again with the gap: the log itself has it
    this.store.brokenBy = null;
    if (asked === next && performance.now() - at < AGAIN) return;
    this.#asked = { seq: next, at: performance.now() };
    this.say("resync", next);
  }

  #restart(): void {
    this.store = new Store();
    this.opened.clear();
    this.#asked = { seq: -1, at: 0 };
    this.#zero = Infinity;
  }

  /** Know when the answer started, by our clock. */
  #date(): void {
    const { last } = this.store;
    if (last) this.#zero = Math.min(this.#zero, performance.now() - 1000 * last.at);
  }

  /** The snapshot, for hosts that replay no messages. */
  readonly #read = (): void => {
    const events = this.#model.get("events");
    if (!Array.isArray(events) || events.length === 0) return;
    this.store.take(0, events);
    this.#date();
    this.#wait();
    this.#changed();
  };

  readonly #watch = (_: unknown, status: string): void => {
    if (DEAD.test(status)) this.#stop();
  };

  readonly #stop = (): void => {
    clearTimeout(this.#silence);
    if (!this.isOpen) return;
    this.trouble = "stopped";
    this.#changed();
  };

  /** Wait for the next word, if there should be one. */
  #wait(): void {
    clearTimeout(this.#silence);
    if (!this.isOpen) return;
    this.#silence = setTimeout(() => {
      this.trouble = "silent";
      this.#changed();
    }, PATIENCE);
  }

  #changed(): void {
    for (const reader of this.#readers) reader();
  }
}
