/** A host: a model that keeps what was sent, and speaks as the kernel does. */

import type { Kernel, Model } from "../src/model";

type Listener = (...args: never[]) => void;

export class Host implements Model {
  readonly sent: { v: number; type: string; seq?: number }[] = [];
  readonly kernel = new FakeKernel();
  readonly widget_manager = { kernel: this.kernel };
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly traits: Record<string, unknown> = {}) {}

  get(trait: string): unknown {
    return this.traits[trait];
  }

  on(event: string, listener: Listener): void {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)!.add(listener);
  }

  off(event: string, listener: Listener): void {
    this.listeners.get(event)?.delete(listener);
  }

  send(message: unknown): void {
    this.sent.push(message as (typeof this.sent)[number]);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...(args as never[]));
  }

  /** A message from Python. */
  say(message: object): void {
    this.emit("msg:custom", { v: 1, ...message });
  }

  /** Events from Python, from `seq` on. */
  batch(seq: number, events: readonly unknown[]): void {
    this.say({ type: "events", seq, events });
  }

  /** A trait changed in Python. */
  set(trait: string, value: unknown): void {
    this.traits[trait] = value;
    this.emit(`change:${trait}`);
  }

  get listening(): number {
    return [...this.listeners.values()].reduce((sum, each) => sum + each.size, 0) + this.kernel.slots.size;
  }
}

class FakeKernel implements Kernel {
  interrupts = 0;
  readonly slots = new Set<(sender: unknown, status: string) => void>();
  readonly statusChanged = {
    connect: (slot: (sender: unknown, status: string) => void) => void this.slots.add(slot),
    disconnect: (slot: (sender: unknown, status: string) => void) => void this.slots.delete(slot),
  };

  interrupt(): Promise<void> {
    this.interrupts += 1;
    return Promise.resolve();
  }

  becomes(status: string): void {
    for (const slot of this.slots) slot(this, status);
  }
}
