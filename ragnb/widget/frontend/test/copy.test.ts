import { describe, expect, test } from "vitest";

import { asMarkdown, inert } from "../src/copy";
import { Store } from "../src/store";
import { golden } from "./golden";

function copied(name: string): string {
  const log = new Store();
  log.take(0, golden(name).events);
  return asMarkdown(log);
}

describe("an answer copied as Markdown", () => {
  test("has its text, its cited sources with their quotes, and its facts", () => {
    const { shown } = golden("simple");
    const text = copied("simple");
    expect(text.startsWith(`${shown.text}\n\n**Sources**\n\n1. `)).toBe(true);
    for (const { number, title, place, quotes } of shown.sources) {
      expect(text.includes(`${number}. ${title} — ${place}`)).toBe(quotes.length > 0);
      for (const quote of quotes) expect(text).toContain(`> ${quote.text}`);
    }
    expect(text.endsWith(`*${shown.summary.join(" · ")}*`)).toBe(true);
  });

  test("has a number where a citation came beside the text", () => {
    const { shown } = golden("native_citations");
    const text = copied("native_citations");
    for (const { end, numbers } of shown.citations) {
      const before = [...shown.text].slice(0, end).join("").trimEnd();
      expect(text).toContain(before.slice(-20) + numbers.map((number) => `[${number}]`).join(""));
    }
  });

  test("says what went wrong", () => {
    expect(copied("cancelled")).toContain(`*${golden("cancelled").shown.status}*`);
  });

  test("ends its code before the sources", () => {
    const log = new Store();
    log.take(0, [
      { type: "Started", seq: 0, at: 0, question: "q", k: 1 },
      { type: "Token", seq: 1, at: 1, text: "~~~py\nx < y" },
      { type: "Cancelled", seq: 2, at: 1 },
    ]);
    expect(asMarkdown(log)).toContain("~~~py\nx < y\n~~~\n\n*Cancelled");
  });
});

describe("what would be obeyed where it is pasted", () => {
  test.each([
    ["![a](https://x.example/i.png)", "!\\[a](https://x.example/i.png)"],
    ["<img src=x>", "&lt;img src=x>"],
    ["[a](javascript:alert(1))", "[a]\\(javascript:alert(1))"],
    ["[a](https://x.example)", "[a](https://x.example)"],
    ["[1]: https://x.example", "[1]\\: https://x.example"],
    ["&#x202e;", "&amp;#x202e;"],
  ])("%s becomes %s", (text, safe) => {
    expect(inert(text)).toBe(safe);
  });

  test.each(["`vector<int>`", "```cpp\nvector<int> v;\n```", "~~~\n![a](b)\n~~~", "a `b<c>` and ``d`<e>``"])(
    "code stays as it is: %j",
    (text) => {
      expect(inert(text)).toBe(text);
    },
  );

  test.each([
    "`a\nb` ![x](u) `c`",
    "`a | ![x](u) | b`\n--- | --- | ---",
    "- ```\n```\n![x](u)\n```",
    " ```\n```\n![x](u)\n```",
    "\\`![x](u)`",
    "```a`b\n![x](u)\n```",
    "~~~\n~~~\n![x](u)\n~~~",
    "```\n`````\n![x](u)\n```",
  ])("what only looks like code is escaped: %j", (text) => {
    expect(inert(text)).toContain("!\\[x]");
  });
});
