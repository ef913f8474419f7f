import { describe, expect, test } from "vitest";

import { Store } from "../src/store";
import * as words from "../src/words";
import { GOLDEN, golden, packed } from "./golden";

describe.each(GOLDEN)("the log $name", ({ events, shown }) => {
  const log = new Store();
  log.take(0, events);

  test("says what the static rendering says", () => {
    expect({
      question: words.question(log),
      state: log.status,
      status: words.status(log),
      text: log.text,
      summary: words.summary(log),
      pace: words.pace(log),
      seams: words.seams(log),
      notes: words.notes(log),
    }).toEqual({
      question: shown.question,
      state: shown.state,
      status: shown.status,
      text: shown.text,
      summary: shown.summary,
      pace: shown.pace,
      seams: shown.seams,
      notes: shown.notes,
    });
  });

  test("has the same stages", () => {
    const stages = words.stages(log);
    expect(stages.map(({ name }) => name)).toEqual(shown.stages.map(([name]) => name));
    for (const [index, [, start, duration]] of shown.stages.entries()) {
      expect(stages[index]!.start).toBeCloseTo(start, 5);
      expect(stages[index]!.duration).toBeCloseTo(duration, 5);
    }
  });

  test("has the same sources and quotes", () => {
    const sources = words.sources(log).map((source) => ({
      number: source.number,
      title: source.title,
      place: source.place,
      file: source.hit.chunk.source ?? "",
      score: words.fixed(source.hit.score, 2),
      text: source.hit.chunk.text,
      quotes: source.quotes.map(({ start, end, text }) => ({ start, end, text })),
      quoted: words.quoted(source.quotes),
    }));
    expect(sources).toEqual(shown.sources);
  });

  test("has the same citations", () => {
    const citations = log.citations.map(({ start, end, marker, quotes }) => ({
      start,
      end,
      marker: marker ?? null,
      numbers: quotes.map(({ number }) => number),
      quotes: quotes.map(({ text }) => text),
    }));
    expect(citations).toEqual(shown.citations);
  });
});

describe("a log", () => {
  const { events } = golden("simple");

  test.each([1, 2, 3, 7, 1000])("is the same in batches of %d with runs of tokens packed", (size) => {
    const log = new Store();
    for (let seq = 0; seq < events.length; seq += size) {
      expect(log.take(seq, packed(events.slice(seq, seq + size)))).toBe(true);
    }
    const whole = new Store();
    whole.take(0, events);
    expect(log.events).toEqual(whole.events);
    expect(log.pieces).toEqual(whole.pieces);
  });

  test("drops what it has already", () => {
    const log = new Store();
    log.take(0, packed(events.slice(0, 9)));
    log.take(4, packed(events.slice(4)));
    expect(log.events.map(({ seq }) => seq)).toEqual(events.map((_, seq) => seq));
  });

  test("takes nothing of a batch that begins too late", () => {
    const log = new Store();
    log.take(0, events.slice(0, 3));
    expect(log.take(4, events.slice(4))).toBe(false);
    expect(log.events).toHaveLength(3);
  });

  test.each([null, 3, "Started", {}, { type: 3 }, { type: "Started", seq: "0" }, { type: "New", at: 1 }])(
    "takes %j for no event",
    (item) => {
      const log = new Store();
      expect(log.take(0, [item])).toBe(false);
      expect(words.notes(log)).toEqual(["The log breaks off before its first event: what comes next is no event."]);
    },
  );
});

test.each([
  [0.0005, 0, "0"],
  [2.5, 0, "2"],
  [3.5, 0, "4"],
  [0.125, 2, "0.12"],
  [0.375, 2, "0.38"],
  [1.005, 2, "1.00"],
  [12.5, 0, "12"],
])("%d with %d digits is written %s, as Python does", (value, digits, text) => {
  expect(words.fixed(value, digits)).toBe(text);
});

test.each([
  [0.0004, "0 ms"],
  [0.84, "840 ms"],
  [0.9994, "999 ms"],
  [0.9996, "1.00 s"],
  [59.99, "59.99 s"],
  [125, "2 min 05 s"],
])("%d seconds are %s", (duration, text) => {
  expect(words.seconds(duration)).toBe(text);
});

test("control characters, bidi overrides and halves of surrogate pairs are not shown", () => {
  expect(words.readable("a\x1b[31m\u202eb\ud83d c\td\n")).toBe("a[31mb\ufffd c\td\n");
});
