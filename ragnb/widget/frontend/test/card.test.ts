import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import widget from "../src/index";
import { GOLDEN, golden, packed, visible } from "./golden";
import { Host } from "./host";

const { events } = golden("simple");
const RUNNING = events.slice(0, 8); // some tokens, no end

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

/** A widget in a host, with one view; what comes is drawn at the next frame. */
function show(traits: Record<string, unknown> = {}) {
  const host = new Host(traits);
  const { initialize, render } = widget();
  const close = initialize({ model: host });
  const view = () => {
    const el = document.body.appendChild(document.createElement("div"));
    return { el, remove: render({ model: host, el }) };
  };
  return { host, close, view, ...view() };
}

function frame(): void {
  vi.advanceTimersToNextFrame();
}

function part(el: HTMLElement, name: string): HTMLElement {
  const found = el.querySelector<HTMLElement>(`.ragnb-${name}`);
  if (!found) throw new Error(`there is no .ragnb-${name}`);
  return found;
}

function all(el: HTMLElement, selector: string): HTMLElement[] {
  return [...el.querySelectorAll<HTMLElement>(selector)];
}

/** Whether one sees an element: neither it nor what it is in is hidden or folded away. */
function isSeen(found: HTMLElement): boolean {
  if (found.closest("[hidden]")) return false;
  const folded = found.parentElement?.closest("details");
  return !folded || folded.open || found.tagName === "SUMMARY" || !found.closest("details:not([open])");
}

describe.each(GOLDEN)("the golden log $name", ({ events, shown }) => {
  test.each([1, 7, 1000])("is shown whole in batches of %d", (size) => {
    const { host, el } = show();
    for (let seq = 0; seq < events.length; seq += size) {
      const batch = events.slice(seq, seq + size);
      host.batch((batch[0] as { seq: number } | null)?.seq ?? seq, packed(batch));
      frame();
    }
    const asked = host.sent.find(({ type }) => type === "resync");
    if (asked) host.batch(asked.seq!, events.slice(asked.seq));
    frame();

    const isOver = shown.state !== "running" || shown.notes.some((note) => note.startsWith("The log breaks off"));
    if (isOver) expect(visible(part(el, "text"))).toBe(shown.visible);
    else expect(shown.visible.startsWith(visible(part(el, "text")).slice(0, -60))).toBe(true);
    expect(part(el, "answer").getAttribute("aria-busy")).toBe(String(!isOver));
    expect(part(el, "question").textContent).toBe(shown.question);
    expect(all(el, ".ragnb-note").map((note) => note.textContent)).toEqual(shown.notes);
    if (!shown.status.includes("Trying again in")) {
      expect(all(el, ".ragnb-status > span:not([aria-hidden])")[0]!.textContent).toBe(shown.status);
    }
    expect(part(el, "facts").querySelector("summary")!.textContent).toBe(shown.summary.join(" · "));

    const rows = all(el, ".ragnb-source");
    const inOrder = [...rows].sort((a, b) => Number(a.dataset.number) - Number(b.dataset.number));
    expect(inOrder.map((row) => row.querySelector("summary")!.textContent)).toEqual(
      shown.sources.map(({ number, title, place, quoted }) => `[${number}] ${[title, place].filter(Boolean).join(" — ")}${quoted}`),
    );
    expect(inOrder.map((row) => all(row, "mark").length > 0)).toEqual(
      shown.sources.map(({ quotes }) => quotes.length > 0),
    );

    part(el, "facts").querySelector("details")!.open = true;
    vi.advanceTimersByTime(100);
    const times = all(el, ".ragnb-waterfall tr").map((row) => row.querySelector("th")!.textContent);
    expect(times).toEqual([...shown.stages.map(([name]) => name), ...(shown.pace ? ["tokens over time"] : [])]);
    const heights = all(el, ".ragnb-pace i").map((bar) => parseFloat(bar.style.height));
    expect(heights.map((height) => "▁▂▃▄▅▆▇█"[Math.round(height * 0.08) - 1]).join("")).toBe(shown.pace);
  });
});

describe("before the first token", () => {
  test("the sources are all in sight, in order", () => {
    const { host, el } = show();
    host.batch(0, golden("waiting").events);
    frame();
    const rows = all(el, ".ragnb-source");
    expect(rows.map(({ dataset }) => dataset.number)).toEqual(["1", "2", "3"]);
    expect(rows.every(isSeen)).toBe(true);
    expect(part(el, "status").textContent).toContain("3 passages found");
  });

  test("a long wait is counted", () => {
    const { host, el } = show();
    host.batch(0, golden("waiting").events);
    frame();
    expect(part(el, "elapsed").hidden).toBe(true);
    vi.advanceTimersByTime(4100);
    expect(part(el, "elapsed").textContent).toBe("4 s");
  });

  test("the time to the next attempt is counted down", () => {
    const { host, el } = show();
    host.batch(0, golden("waiting_for_the_next_attempt").events);
    frame();
    const seconds = () => Number(/in (\d+) s …/.exec(part(el, "status").textContent ?? "")?.[1] ?? 0);
    const first = seconds();
    expect(first).toBeGreaterThan(0);
    vi.advanceTimersByTime(1100);
    expect(seconds()).toBe(first - 1);
    vi.advanceTimersByTime(10_000);
    expect(part(el, "status").textContent).toContain("Trying again …");
  });
});

describe("sources", () => {
  test("those cited come first, the others are folded", () => {
    const { host, el } = show();
    host.batch(0, events);
    frame();
    expect(all(el, ".ragnb-sources > .ragnb-source").map(({ dataset }) => dataset.number)).toEqual(["1", "2"]);
    expect(all(el, ".ragnb-others .ragnb-source").map(({ dataset }) => dataset.number)).toEqual(["3"]);
    expect(part(el, "others").querySelector("summary")!.textContent).toBe("1 more passage given to the model");
  });

  test("one that is being read is not folded away", () => {
    const { host, el } = show();
    host.batch(0, events.slice(0, 3));
    frame();
    const row = all(el, ".ragnb-source")[2] as HTMLDetailsElement;
    row.open = true;
    host.batch(3, events.slice(3));
    frame();
    expect(row.parentElement).toBe(part(el, "sources"));
  });

  test("a chip and its source light each other up", () => {
    const { host, el } = show();
    host.batch(0, events);
    frame();
    const chip = all(el, ".ragnb-chip")[0]!;
    const row = all(el, ".ragnb-source[data-number='1']")[0]!;
    chip.dispatchEvent(new Event("pointerenter"));
    expect(row.classList.contains("ragnb-lit")).toBe(true);
    chip.dispatchEvent(new Event("pointerleave"));
    expect(row.classList.contains("ragnb-lit")).toBe(false);
    row.querySelector("summary")!.focus();
    expect(chip.classList.contains("ragnb-lit")).toBe(true);
  });
});

describe("the timeline", () => {
  test("tells the numbers of the row that has the focus or is pointed at", () => {
    const { host, el } = show();
    host.batch(0, events);
    frame();
    part(el, "facts").querySelector("details")!.open = true;
    vi.advanceTimersByTime(10);
    const row = all(el, ".ragnb-waterfall tr")[3]!;
    const rest = part(el, "reading").textContent;
    row.focus();
    expect(part(el, "reading").textContent).toMatch(/^wait for the first token: from .* to .*, \d+ % of the time$/);
    row.blur();
    expect(part(el, "reading").textContent).toBe(rest);
    row.firstElementChild!.dispatchEvent(new Event("pointerover", { bubbles: true }));
    expect(part(el, "reading").textContent).toContain("wait for the first token");
  });
});

describe("drawing", () => {
  test("happens once a frame, and not at all out of sight", () => {
    const { host, el } = show();
    for (const [seq, event] of events.entries()) host.batch(seq, [event]);
    expect(part(el, "text").textContent).toBe("");
    frame();
    expect(visible(part(el, "text"))).toBe(golden("simple").shown.visible);
  });

  test("adds to the text and takes nothing away", () => {
    const { host, el } = show();
    host.batch(0, events.slice(0, 12));
    frame();
    const before = [...part(el, "text").childNodes];
    host.batch(12, events.slice(12));
    frame();
    expect([...part(el, "text").childNodes].slice(0, before.length)).toEqual(before);
  });

  test("a view made late shows everything, and each view opens its own sources", () => {
    const { host, el, view } = show();
    host.batch(0, events);
    frame();
    const late = view();
    expect(visible(part(late.el, "text"))).toBe(visible(part(el, "text")));
    all(el, ".ragnb-chip")[0]!.click();
    expect(all(late.el, ".ragnb-passage")).toHaveLength(0);
    late.remove();
    expect(late.el.childNodes).toHaveLength(0);
    expect(all(el, ".ragnb-passage")).toHaveLength(1);
  });

  test("a view that the host draws anew has open what the reader opened", () => {
    const { host, el, view, remove } = show();
    host.batch(0, events);
    frame();
    const opened = (el: HTMLElement) => all(el, "details").map((found) => (found as HTMLDetailsElement).open);
    for (const found of [all(el, "details")[1]!, part(el, "facts").firstElementChild!]) {
      (found as HTMLDetailsElement).open = true;
    }
    vi.advanceTimersByTime(10);
    const before = opened(el);
    remove();
    expect(before.filter(Boolean)).toHaveLength(2);
    expect(opened(view().el)).toEqual(before);
  });

  test("two widgets share nothing", () => {
    const one = show();
    const other = show();
    one.host.batch(0, events);
    other.host.batch(0, golden("cancelled").events);
    frame();
    expect(visible(part(one.el, "text"))).toBe(golden("simple").shown.visible);
    expect(visible(part(other.el, "text"))).toBe(golden("cancelled").shown.visible);
  });

  test("works in a shadow root", () => {
    const host = new Host();
    const { initialize, render } = widget();
    initialize({ model: host });
    const root = document.body.appendChild(document.createElement("div")).attachShadow({ mode: "open" });
    const el = root.appendChild(document.createElement("div"));
    render({ model: host, el });
    host.batch(0, events);
    frame();
    all(el, ".ragnb-chip")[0]!.click();
    expect(all(el, ".ragnb-passage mark")).not.toHaveLength(0);
  });

  test("an abort of the signal takes the view and the listeners away", () => {
    const host = new Host();
    const stop = new AbortController();
    const { initialize, render } = widget();
    initialize({ model: host, signal: stop.signal });
    const el = document.createElement("div");
    render({ model: host, el, signal: stop.signal });
    stop.abort();
    expect(el.childNodes).toHaveLength(0);
    expect(host.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("actions", () => {
  test("stop says that it stops, and goes when it has", () => {
    const { host, el } = show();
    host.batch(0, RUNNING);
    frame();
    const stop = part(el, "stop");
    expect(stop.textContent).toBe("Stop");
    stop.focus();
    stop.click();
    expect(stop.textContent).toBe("Stopping …");
    expect(host.sent.at(-1)).toEqual({ v: 1, type: "cancel" });
    host.batch(RUNNING.length, [{ type: "Cancelled", seq: RUNNING.length, at: 2 }]);
    frame();
    expect(stop.hidden).toBe(true);
    expect(document.activeElement).toBe(part(el, "copy"));
    expect(part(el, "status").textContent).toContain("Cancelled after");
    expect(part(el, "status").classList.contains("ragnb-trouble")).toBe(true);
  });

  test("ask again is offered where it is possible, and once it has ended", () => {
    for (const can of [true, false]) {
      const { host, el } = show({ can_ask_again: can });
      host.batch(0, RUNNING);
      frame();
      expect(part(el, "again").hidden).toBe(true);
      host.batch(RUNNING.length, events.slice(RUNNING.length));
      frame();
      expect(part(el, "again").hidden).toBe(!can);
    }
  });

  test("an answer that is asked for again replaces the one that is shown", () => {
    const { host, el } = show({ can_ask_again: true });
    host.batch(0, events);
    frame();
    part(el, "again").focus();
    part(el, "again").click();
    expect(host.sent.at(-1)).toEqual({ v: 1, type: "ask_again" });
    host.say({ type: "restart" });
    host.batch(0, golden("cancelled").events.slice(0, 4));
    frame();
    expect(document.activeElement).toBe(part(el, "stop"));
    host.batch(4, golden("cancelled").events.slice(4));
    frame();
    expect(all(el, ".ragnb-text")).toHaveLength(1);
    expect(visible(part(el, "text"))).toBe(golden("cancelled").shown.visible);
  });

  test("copy writes Markdown with the sources, and says so for 2 s", async () => {
    const writeText = vi.fn((_: string) => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    const { host, el } = show();
    host.batch(0, events);
    frame();
    part(el, "copy").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(writeText.mock.calls[0]![0]).toContain("**Sources**");
    expect(part(el, "copy").textContent).toBe("Copied");
    vi.advanceTimersByTime(2000);
    expect(part(el, "copy").textContent).toBe("Copy");
    vi.unstubAllGlobals();
  });

  test("copy works by a selection where there is no clipboard", async () => {
    vi.stubGlobal("navigator", {});
    let copied = "";
    document.execCommand = () => {
      copied = (document.activeElement as HTMLTextAreaElement).value;
      return true;
    };
    const { host, el } = show();
    host.batch(0, events);
    frame();
    part(el, "copy").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(copied).toContain("**Sources**");
    expect(part(el, "copy").textContent).toBe("Copied");
    expect(document.activeElement).toBe(part(el, "copy"));
    expect(all(el, "textarea")).toHaveLength(0);
    vi.unstubAllGlobals();
  });
});

describe("trouble", () => {
  test("a kernel that is silent, then speaks", () => {
    const { host, el } = show();
    host.batch(0, RUNNING);
    vi.advanceTimersByTime(15_100);
    expect(part(el, "status").textContent).toBe("No word from the kernel for 15 s …");
    host.say({ type: "alive" });
    frame();
    expect(part(el, "status").textContent).toBe("Writing …");
  });

  test("a kernel that dies ends the answer, and its text is kept", () => {
    const { host, el } = show();
    host.batch(0, RUNNING);
    frame();
    host.kernel.becomes("dead");
    frame();
    expect(part(el, "status").textContent).toBe("The kernel stopped; the answer ends here. Its text is kept.");
    expect(part(el, "answer").getAttribute("aria-busy")).toBe("false");
    expect(part(el, "stop").hidden).toBe(true);
    expect(visible(part(el, "text"))).not.toBe("");
  });

  test("another version of the protocol asks for a reload", () => {
    const { host, el } = show();
    host.emit("msg:custom", { v: 9, type: "events", seq: 0, events });
    frame();
    expect(part(el, "status").textContent).toContain("reload the page");
  });
});

describe("for a screen reader", () => {
  test("one hidden status says the phases, and never the text", async () => {
    const { host, el } = show();
    const said: string[] = [];
    const status = all(el, "[role=status]");
    expect(status).toHaveLength(1);
    expect(all(el, "[aria-live]")).toHaveLength(0);
    for (const [seq, event] of events.entries()) {
      host.batch(seq, [event]);
      frame();
      if (said.at(-1) !== status[0]!.textContent) said.push(status[0]!.textContent!);
    }
    expect(said.map((text) => text.replace(/ in \d+ ms.*/, ""))).toEqual([
      "Searching …",
      "3 passages found",
      "3 passages found",
      "Writing …",
      "The answer is complete.",
    ]);
  });
});

describe("hard input", () => {
  const start = { type: "Started", seq: 0, at: 0, question: "q", k: 500 };
  const chunk = (index: number) => ({ id: `${index}`, document: "d", text: "passage ".repeat(20), title: `T${index}` });
  const hits = Array.from({ length: 500 }, (_, index) => ({ chunk: chunk(index), score: 0.5 }));
  const retrieved = { type: "Retrieved", seq: 1, at: 0.1, hits };

  test("500 citations of 500 sources", () => {
    const { host, el } = show();
    const log: object[] = [start, retrieved];
    let length = 0;
    for (let index = 0; index < 500; index++) {
      const text = `Fact ${index} [${index + 1}]. `;
      log.push({ type: "Token", seq: log.length, at: 1 + index / 100, text });
      const begin = length + text.indexOf("[");
      const quotes = [{ number: index + 1, chunk_id: `${index}`, start: 0, end: 7, text: "passage" }];
      const marker = [begin, length + text.indexOf("]") + 1];
      log.push({ type: "Cited", seq: log.length, at: 1 + index / 100, start: length, end: begin, quotes, marker });
      length += text.length;
    }
    log.push({ type: "Finished", seq: log.length, at: 9, reason: "stop" });
    for (let seq = 0; seq < log.length; seq += 20) {
      host.batch(seq, log.slice(seq, seq + 20));
      frame();
    }
    expect(all(el, ".ragnb-chip")).toHaveLength(500);
    expect(all(el, ".ragnb-sources > .ragnb-source")).toHaveLength(500);
    expect(part(el, "others").hidden).toBe(true);
  });

  test("an answer of 1 MB with a line of 100 KB", () => {
    const { host, el } = show();
    const line = "x".repeat(100_000);
    const texts = [line, ...Array.from({ length: 9_000 }, (_, index) => `\n\nParagraph ${index} ${"word ".repeat(18)}`)];
    const at = texts.map((_, index) => 1 + index / 1000);
    const end = { type: "Finished", seq: texts.length + 1, at: 99, reason: "stop" };
    host.batch(0, [start, { type: "Tokens", at, texts }, end]);
    frame();
    expect(part(el, "text").textContent!.length).toBeGreaterThan(900_000);
    expect(part(el, "text").textContent).toContain(line);
  });

  test("an empty log that never goes on", () => {
    const { el } = show();
    frame();
    expect(part(el, "status").textContent).toBe("Starting …");
    expect(part(el, "sources").hidden && part(el, "facts").hidden && part(el, "copy").hidden).toBe(true);
  });
});
