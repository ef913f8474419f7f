import { afterEach, describe, expect, test } from "vitest";

import { markQuotes } from "../src/passage";
import { Drawing, hit, quote, withSources } from "./text";

afterEach(() => document.body.replaceChildren());

function cited(start: number, end: number, more: object = {}) {
  return { type: "Cited" as const, start: 0, end: start, quotes: [quote()], marker: [start, end], ...more };
}

function texts(drawing: Drawing): string[] {
  return drawing.chips.map(({ button }) => button.textContent!);
}

function token(text: string) {
  return { type: "Token" as const, text };
}

describe("a marker", () => {
  test("is held back until it is told whether it is a citation", () => {
    const drawing = withSources().say(token("Five days [1"));
    expect(drawing.root.textContent).toBe("Five days");
    expect(drawing.say(token("]")).root.textContent).toBe("Five days");
    expect(drawing.say(token(". More")).root.textContent).toBe("Five days");
    expect(drawing.say(cited(10, 13)).root.textContent).toBe("Five days [1]. More");
    expect(texts(drawing)).toEqual(["[1]"]);
  });

  test("is text once another token came without a citation", () => {
    const drawing = withSources().stream(["See [9]", ". No", " source"]);
    expect(drawing.root.textContent).toBe("See [9]. No source");
    expect(drawing.chips).toEqual([]);
  });

  test("is text at the end, if no citation came", () => {
    expect(withSources().stream(["See [9]"]).end().root.textContent).toBe("See [9]");
  });

  test("holds back no more than itself and what follows", () => {
    expect(new Drawing().stream(["one 【2†L"]).root.textContent).toBe("one");
    const long = "x".repeat(1_100); // longer than any link's text is
    expect(new Drawing().stream([`one [${long}`]).root.textContent).toBe(`one [${long}`);
    expect(new Drawing().stream(["one [a\n", "two"]).end().root.textContent).toBe("one [a\ntwo");
  });

  test("is found where the text holds characters beyond the first plane", () => {
    const text = "👩‍🚀 𝒳 days [1] 🎉";
    const start = [...text].indexOf("[");
    const drawing = withSources().say(token(text), cited(start, start + 3)).end();
    expect(drawing.root.textContent).toBe(text);
    expect(texts(drawing)).toEqual(["[1]"]);
  });

  test.each([
    ["`a[1]`", "code"],
    ["```\na[1]\n```", "code"],
    ["    a[1]", "code"],
  ])("in code stays as it is: %j", (text, tag) => {
    const start = text.indexOf("[");
    const drawing = withSources().say(token(text), cited(start, start + 3)).end();
    expect(drawing.find(tag)[0]!.textContent).toBe("a[1]");
    expect(drawing.chips).toEqual([]);
  });

  test("in a link stands behind it, in an address stays as it is", () => {
    const inText = withSources().say(token("[the page [1]](https://x.example)"), cited(10, 13)).end();
    expect(inText.root.innerHTML).toMatch(/page <\/a> \(x.example\)<button/);
    const inAddress = withSources().say(token("[x](https://x.example/[1])"), cited(22, 25)).end();
    expect(inAddress.find("a")[0]!.getAttribute("href")).toBe("https://x.example/[1]");
    expect(inAddress.chips).toEqual([]);
  });

  test.each([
    ["**bold.**[1]", "strong", "bold."],
    ["**x [1]**.", "strong", "x [1]"],
    ["# **x.**[1]", "h1", "x.[1]"],
    ["- [1] x", "li", "[1] x"],
    ["| a[1] |\n|---|", "th", "a[1]"],
    ["![a [1]](x)", "p", "[image: a [1]]"],
    ["\\(x [1]\\)", "p", "\\(x [1]\\)"],
  ])("leaves the Markdown around it alone: %j", (text, tag, inside) => {
    const start = text.indexOf("[1]");
    const drawing = withSources().say(token(text), cited(start, start + 3)).end();
    expect(drawing.find(tag)[0]!.textContent).toBe(inside);
    expect(texts(drawing)).toEqual(["[1]"]);
  });

  test("cannot be forged", () => {
    const forged = "a \ufdd00\ufdd1 &#xFDD0;0&#xFDD1; `\ufdd00\ufdd1` b [1] c";
    const start = [...forged].indexOf("[");
    const drawing = withSources().say(token(forged), cited(start, start + 3)).end();
    expect(texts(drawing)).toEqual(["[1]"]);
    expect(drawing.root.textContent).toBe(forged.replace(/&#xFDD.;|[\ufdd0\ufdd1]/g, "\ufffd").replaceAll("`", ""));
  });

  test("of a source that there is not makes no chip", () => {
    const drawing = withSources().say(token("a [7] b"), cited(2, 5, { quotes: [quote(7)] })).end();
    expect(drawing.chips).toEqual([]);
    expect(drawing.root.textContent).toBe("a [7] b");
  });

  test("of several sources is one chip", () => {
    const both = { quotes: [quote(1), quote(2), quote(1, 24, 28, "Ask.")] };
    const drawing = withSources().say(token("a [1, 2] b"), cited(2, 8, both)).end();
    expect(texts(drawing)).toEqual(["[1][2]"]);
    expect(drawing.chips[0]!.numbers).toEqual([1, 2]);
  });

  test.each([
    [-5, -2],
    [5, 2],
    [2, 99],
    [99, 100],
  ])("outside of the text changes nothing: %d to %d", (start, end) => {
    expect(withSources().say(token("abcdef"), cited(start, end)).end().html).toBe("<p>abcdef</p>");
  });
});

describe("a citation without a marker", () => {
  function reported(end: number) {
    return { type: "Cited" as const, start: 0, end, quotes: [quote()], marker: null };
  }

  test("stands behind the word before its end", () => {
    const drawing = withSources().say(token("Five days.  ")).say(reported(12)).stream(["Then more."]).end();
    expect(drawing.root.textContent).toBe("Five days.[1]  Then more.");
  });

  test("of code or a rule stands below it", () => {
    expect(withSources().say(token("```\nx\n```\n"), reported(10)).end().root.innerHTML).toMatch(/<\/div><p><button/);
    expect(withSources().say(token("a\n\n---\n"), reported(7)).end().root.innerHTML).toMatch(/<hr><p><button/);
  });

  test("of a row stands in its last cell", () => {
    const drawing = withSources().say(token("| a | b |\n|---|---|\n| 1 | 2 |\n"), reported(30)).end();
    expect(drawing.find("td").map((cell) => cell.textContent)).toEqual(["1", "2[1]"]);
  });

  test("that comes late is drawn into its place, and what is open stays open", () => {
    const drawing = withSources().say(token("One [1] two three. "), cited(4, 7)).stream(["Four", " five"]);
    document.body.append(drawing.root);
    drawing.find(".ragnb-chip")[0]!.click();
    drawing.find(".ragnb-chip")[0]!.focus();
    drawing.say(reported(18));
    expect(drawing.find("p")[0]!.textContent).toBe("One [1] two three.[1] Four five");
    expect(drawing.find(".ragnb-passage")).toHaveLength(1);
    expect(document.activeElement).toBe(drawing.find(".ragnb-chip")[0]);
  });
});

describe("a seam", () => {
  function resumed(offset: number) {
    return { type: "Resumed" as const, strategy: "s", model: "m", offset };
  }

  test("is told where it happened, in the middle of a word too", () => {
    const drawing = withSources().stream(["Ref"]).say(resumed(3)).stream(["unds", " take"]).end();
    const [seam] = drawing.find(".ragnb-seam");
    expect(seam!.textContent).toMatch(/^\[stream interrupted after 1 token, resumed with m after .*\]$/);
    seam!.remove();
    expect(drawing.root.textContent).toBe("Refunds take");
  });

  test("breaks no emphasis, list or table", () => {
    const bold = withSources().stream(["**bold*"]).say(resumed(7)).stream(["* x"]).end();
    expect(bold.find("strong")[0]!.textContent).toBe("bold");
    const list = withSources().stream(["- a", "\n-"]).say(resumed(5)).stream([" b"]).end();
    expect(list.find("li")).toHaveLength(2);
    const table = withSources().stream(["| a |\n|---|\n| 1 |\n"]).say(resumed(18)).stream(["| 2 |\n"]).end();
    expect(table.find("td")).toHaveLength(2);
    expect(table.find("td .ragnb-seam")).toHaveLength(1);
  });
});

test("500 citations are 500 chips", () => {
  const drawing = withSources();
  let length = 0;
  for (let index = 0; index < 500; index++) {
    const text = `Claim ${index} [1] `;
    const start = length + text.indexOf("[");
    drawing.say(token(text), cited(start, start + 3));
    length += text.length;
  }
  expect(drawing.end().chips).toHaveLength(500);
});

describe("the passage of a chip", () => {
  function open() {
    const place = { locator: { heading: ["Fees", "Refunds"], pages: [3, 4] }, source: "b.pdf" };
    const drawing = withSources(hit("Before. Refunds take five days. After.", "Handbook", place), hit("Dogs."));
    const text = "Five days [1][2].\n\n- item [2]\n\nEnd.";
    drawing.say(token(text), cited(10, 13, { quotes: [quote(1, 8, 31)] }), cited(13, 16, { quotes: [quote(2, 0, 5)] }));
    drawing.say(cited(26, 29, { quotes: [quote(2, 0, 5), quote(1, 0, 7)] })).end();
    document.body.append(drawing.root);
    const chips = drawing.find(".ragnb-chip") as [HTMLElement, HTMLElement, HTMLElement];
    chips[0].focus();
    chips[0].click();
    return { drawing, chips, panels: () => drawing.find(".ragnb-passage") };
  }

  function press(target: HTMLElement, key: string): KeyboardEvent {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
    return event;
  }

  test("stands behind the block, with title, place, score and the quote in its surroundings", () => {
    const { drawing, chips, panels } = open();
    const [panel] = panels();
    expect(panel!.previousElementSibling).toBe(drawing.find("p")[0]);
    expect(panel!.textContent).toContain("[1] Handbook — Fees › Refunds, pages 3–4 score 0.50");
    expect(panel!.querySelector("blockquote")!.textContent).toBe("Before. Refunds take five days. After.");
    expect([...panel!.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["Refunds take five days."]);
    expect(chips[0].getAttribute("aria-expanded")).toBe("true");
    expect(chips[0].getAttribute("aria-controls")).toBe(panel!.id);
  });

  test("is closed by the chip, by its button and by Esc, and the focus goes back", () => {
    const { chips, panels } = open();
    chips[0].click();
    expect(panels()).toEqual([]);
    expect(chips[0].getAttribute("aria-expanded")).toBe("false");
    expect(chips[0].hasAttribute("aria-controls")).toBe(false);
    chips[0].click();
    panels()[0]!.querySelector("button")!.click();
    expect(panels()).toEqual([]);
    chips[0].click();
    const box = panels()[0]!.querySelector("blockquote")!;
    box.focus();
    press(box, "Escape");
    expect(panels()).toEqual([]);
    expect(document.activeElement).toBe(chips[0]);
    chips[0].click();
    press(chips[0], "Escape");
    expect(panels()).toEqual([]);
  });

  test("is each chip's own, and shows all that it cites", () => {
    const { drawing, chips, panels } = open();
    chips[1].click();
    chips[2].click();
    expect(panels()).toHaveLength(3);
    expect(new Set(panels().map(({ id }) => id)).size).toBe(3);
    expect(drawing.find("li .ragnb-passage blockquote").map((box) => box.textContent)).toEqual([
      "Dogs.",
      "Before. Refunds take five days. After.",
    ]);
  });

  test("stays while the text goes on", () => {
    const drawing = withSources().say(token("One [1] two"), cited(4, 7));
    document.body.append(drawing.root);
    drawing.find(".ragnb-chip")[0]!.click();
    const panel = drawing.find(".ragnb-passage")[0];
    drawing.stream([" three\n\nfour", " five"]).end();
    expect(drawing.find(".ragnb-passage")[0]).toBe(panel);
    expect([...drawing.root.children].map(({ localName }) => localName)).toEqual(["p", "div", "p"]);
  });
});

describe("quotes in a passage", () => {
  function marks(text: string, ...spans: [number, number][]): string {
    const box = document.createElement("div");
    box.append(markQuotes(text, spans.map(([start, end]) => ({ number: 1, chunk_id: "c", start, end, text: "" }))));
    return box.innerHTML;
  }

  test("are marked by code points, in order, without overlap", () => {
    expect(marks("a👩b𝒳c", [3, 4], [1, 2])).toBe("a<mark>👩</mark>b<mark>𝒳</mark>c");
    expect(marks("abcdef", [1, 4], [2, 5], [0, 1])).toBe("<mark>a</mark><mark>bcd</mark><mark>e</mark>f");
    expect(marks("abc", [2, 99], [-3, 1], [2, 1])).toBe("<mark>a</mark>b<mark>c</mark>");
  });

  test("are shown without control characters, which count", () => {
    expect(marks("a\u0000\u202ebc", [3, 4])).toBe("a<mark>b</mark>c");
  });
});
