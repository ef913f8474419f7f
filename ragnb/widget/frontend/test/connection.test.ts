import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { cancel } from "../src/cancel";
import { Connection } from "../src/connection";
import * as words from "../src/words";
import { golden, packed } from "./golden";
import { Host } from "./host";

const { events } = golden("simple");
const CUT = 8; // events that leave the answer running

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open(traits: Record<string, unknown> = {}) {
  const host = new Host(traits);
  return { host, connection: new Connection(host) };
}

describe("taking in the log", () => {
  test("says hello once, with what came before that", () => {
    const { host } = open();
    host.batch(0, packed(events.slice(0, CUT)));
    vi.advanceTimersByTime(1000);
    expect(host.sent).toEqual([{ v: 1, type: "hello", seq: CUT }]);
  });

  test("asks for what it missed, once while the answer is under way", () => {
    const { host, connection } = open();
    host.batch(0, events.slice(0, 3));
    host.batch(5, events.slice(5, 6));
    host.batch(6, events.slice(6, 7));
    expect(host.sent).toEqual([{ v: 1, type: "resync", seq: 3 }]);
    host.batch(3, events.slice(3));
    expect(connection.store.ended).toBe(true);
    expect(connection.store.brokenBy).toBeNull();
  });

  test("asks again where no answer came", () => {
    const { host } = open();
    host.batch(2, events.slice(2, 3));
    vi.advanceTimersByTime(3000);
    host.batch(3, events.slice(3, 4));
    expect(host.sent.filter(({ type }) => type === "resync")).toHaveLength(2);
  });

  test("takes a gap for the log's own when it comes again", () => {
    const { host, connection } = open();
    const holed = events.filter((_, index) => index !== 5);
    host.batch(0, holed);
    expect(connection.isOpen).toBe(true);
    host.batch(5, holed.slice(5));
    expect(connection.store.brokenBy).toBe(6);
    expect(connection.isOpen).toBe(false);
  });

  test("hears what is wrong with the log's file, each sentence once", () => {
    const { host, connection } = open();
    host.batch(0, events.slice(0, 2));
    host.say({ type: "notes", notes: ["The disk is full.", "The disk is full."] });
    expect(words.notes(connection.store)).toEqual(["The disk is full."]);
    host.say({ type: "restart" });
    expect(words.notes(connection.store)).toEqual([]);
  });

  test("begins anew on restart", () => {
    const { host, connection } = open();
    host.batch(0, events);
    host.say({ type: "restart" });
    expect(connection.store.events).toHaveLength(0);
    host.batch(0, events.slice(0, 2));
    expect(connection.store.events).toHaveLength(2);
  });

  test("reads the snapshot at the start and where it changes", () => {
    const { host, connection } = open({ events: packed(events.slice(0, CUT)) });
    expect(connection.store.events).toHaveLength(CUT);
    host.set("events", packed(events));
    expect(connection.store.ended).toBe(true);
    host.set("events", packed(events.slice(0, 2)));
    expect(connection.store.ended).toBe(true);
  });

  test("does not obey a message of another version", () => {
    const { host, connection } = open();
    host.say({ v: 2, type: "events", seq: 0, events });
    expect(connection.trouble).toBe("version");
    expect(connection.store.events).toHaveLength(0);
  });

  test.each([[null], [undefined], ["events"], [{}], [{ v: 1 }], [{ v: 1, type: "new" }]])(
    "is not thrown by the message %j",
    (message) => {
      const { host, connection } = open();
      host.emit("msg:custom", message);
      expect(connection.store.events).toHaveLength(0);
    },
  );
});

describe("silence and death", () => {
  test("notices that no word comes, until one does", () => {
    const { host, connection } = open();
    const changed = vi.fn();
    connection.follow(changed);
    host.batch(0, events.slice(0, CUT));
    vi.advanceTimersByTime(14_999);
    expect(connection.trouble).toBeNull();
    vi.advanceTimersByTime(1);
    expect(connection.trouble).toBe("silent");
    expect(changed).toHaveBeenCalledTimes(2);
    host.say({ type: "alive" });
    expect(connection.trouble).toBeNull();
  });

  test("expects no word after the end", () => {
    const { host, connection } = open();
    host.batch(0, events);
    vi.advanceTimersByTime(60_000);
    expect(connection.trouble).toBeNull();
  });

  test.each(["dead", "restarting", "autorestarting", "terminating"])("a kernel that is %s ends the answer", (status) => {
    const { host, connection } = open();
    host.batch(0, events.slice(0, CUT));
    host.kernel.becomes("busy");
    expect(connection.isOpen).toBe(true);
    host.kernel.becomes(status);
    expect(connection.trouble).toBe("stopped");
    expect(connection.isOpen).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(connection.trouble).toBe("stopped");
  });

  test("a channel that closes ends a running answer, and does nothing to a finished one", () => {
    for (const [count, trouble] of [
      [CUT, "stopped"],
      [events.length, null],
    ] as const) {
      const { host, connection } = open();
      host.batch(0, events.slice(0, count));
      host.emit("comm:close");
      expect(connection.trouble).toBe(trouble);
    }
  });

  test("once closed it listens to nothing and waits for nothing", () => {
    const { host, connection } = open();
    expect(host.listening).toBeGreaterThan(0);
    connection.close();
    expect(host.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("works in a host that gives nothing but the model", () => {
    const host = new Host();
    const bare = {
      get: () => undefined,
      on: host.on.bind(host),
      off: () => undefined,
      send: () => undefined,
    };
    const connection = new Connection(bare);
    host.batch(0, events);
    connection.interrupt();
    expect(connection.store.ended).toBe(true);
  });
});

describe("cancelling", () => {
  test("a kernel that hears the message is not interrupted", () => {
    const { host, connection } = open({ blocking: true });
    host.batch(0, events.slice(0, CUT));
    cancel(connection);
    expect(host.sent.at(-1)).toEqual({ v: 1, type: "cancel" });
    vi.advanceTimersByTime(149);
    host.batch(CUT, [{ type: "Cancelled", seq: CUT, at: 1 }]);
    vi.advanceTimersByTime(1000);
    expect(host.kernel.interrupts).toBe(0);
  });

  test("a kernel that is blocked by this answer is interrupted after 150 ms", () => {
    const { host, connection } = open({ blocking: true });
    host.batch(0, events.slice(0, CUT));
    cancel(connection);
    vi.advanceTimersByTime(149);
    expect(host.kernel.interrupts).toBe(0);
    vi.advanceTimersByTime(1);
    expect(host.kernel.interrupts).toBe(1);
  });

  test("a kernel that this answer does not block is never interrupted", () => {
    const { host, connection } = open({ blocking: false });
    host.batch(0, events.slice(0, CUT));
    cancel(connection);
    vi.advanceTimersByTime(10_000);
    expect(host.kernel.interrupts).toBe(0);
  });

  test("the answer that follows is not interrupted for the one before", () => {
    const { host, connection } = open({ blocking: true });
    host.batch(0, events.slice(0, CUT));
    cancel(connection);
    host.say({ type: "restart" });
    host.batch(0, events.slice(0, 2));
    vi.advanceTimersByTime(1000);
    expect(host.kernel.interrupts).toBe(0);
  });
});
