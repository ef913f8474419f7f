import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Drawing, drawn, outline, outlineOf } from "./text";

const CORPUS = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../../tests/display/markdown.json"), "utf8"),
) as { markdown: string; html: string }[];

/** The longer ones, which hold several kinds of blocks. */
const ANSWERS = CORPUS.map(({ markdown }) => markdown).filter((text) => text.length > 60);

function whole(text: string): string {
  return drawn(text).html;
}

/** Whether no node is ever taken away and no text changed but by what follows it. */
function checkAdded(pieces: string[]): void {
  const drawing = new Drawing();
  const observer = new MutationObserver(() => {});
  const options = { childList: true, characterData: true, characterDataOldValue: true, subtree: true };
  observer.observe(drawing.root, options);
  drawing.stream(pieces).end();
  const before = new Map<Node, string>();
  for (const { removedNodes, target, type, oldValue } of observer.takeRecords()) {
    expect(removedNodes).toHaveLength(0);
    if (type !== "characterData") continue;
    expect(oldValue!.startsWith(before.get(target) ?? "")).toBe(true);
    before.set(target, oldValue!);
  }
  for (const [node, text] of before) expect(node.textContent!.startsWith(text)).toBe(true);
}

describe("Markdown", () => {
  test.each(CORPUS)("is what the static rendering makes of it: $markdown", ({ markdown, html }) => {
    expect(outline(drawn(markdown).root)).toBe(outlineOf(html));
  });

  test.each(CORPUS)("is the same character by character: $markdown", ({ markdown }) => {
    expect(drawn(...markdown).html).toBe(whole(markdown));
  });

  test.each(ANSWERS)("is the same wherever it is cut: %j", (text) => {
    const points = [...text];
    const expected = whole(text);
    for (let cut = 1; cut < points.length; cut++) {
      expect(drawn(points.slice(0, cut).join(""), points.slice(cut).join("")).html).toBe(expected);
    }
  });

  const marks = ["**", "*", "`", "```\n", "~~", "[", "](", ")", "![", "<", ">", "|", "\n", "\n\n", "- ", "1. ", "> "];
  const more = ["# ", "    ", "\\", "&amp;", "&#x", "|-|\n", "---\n", "$", "http://a.example", "a", "b c", "é", "👩‍🚀", " "];
  const texts = fc.array(fc.constantFrom(...marks, ...more), { maxLength: 30 });

  test("is the same in any pieces", () => {
    fc.assert(
      fc.property(texts, (pieces) => {
        expect(drawn(...pieces).html).toBe(whole(pieces.join("")));
      }),
      { numRuns: 500 },
    );
  });

  test.each(ANSWERS)("is only ever added to: %j", (text) => checkAdded([...text]));

  test("is only ever added to, in any pieces", () => {
    // A bar amid a line is left out: the rule below it makes a table of what was text.
    const added = texts.filter((pieces) => !pieces.join("").includes("|"));
    fc.assert(fc.property(added, checkAdded), { numRuns: 300 });
  });
});

describe("unfinished Markdown", () => {
  test.each([
    ["a **bo", "<p>a <strong>bo</strong></p>"],
    ["a *it", "<p>a <em>it</em></p>"],
    ["a **", "<p>a</p>"],
    ["a `co", "<p>a</p>"],
    ["a [the do", "<p>a</p>"],
    ["a [the docs](http://x.exa", "<p>a</p>"],
    ["a ![pic](http", "<p>a</p>"],
    ["a &am", "<p>a</p>"],
    ["text\n\n| a | b |", "<p>text</p>"],
    ["text\n\n| a | b |\n|--", "<p>text</p>"],
    ["##", ""],
    ["## He", "<h2>He</h2>"],
    ["- ", ""],
    ["- a\n-", "<ul><li>a</li></ul>"],
    ["1", ""],
    ["```p", ""],
    ["```py\nx =", "<pre><code>x =</code></pre>"],
    ["```py\nx\n``", "<pre><code>x</code></pre>"],
    ["> a", "<blockquote><p>a</p></blockquote>"],
    ["a\n-", "<p>a</p>"],
  ])("looks right: %j", (text, expected) => {
    expect(outline(new Drawing().stream([text, ""]).root)).toBe(expected);
  });

  test("shows the rows of a table as they are whole", () => {
    const drawing = new Drawing().stream(["| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |"]);
    expect(drawing.find("tr")).toHaveLength(2);
    expect(drawing.stream([" 4 |\n"]).find("tr")).toHaveLength(2);
    expect(drawing.stream(["\nafter", ""]).find("tr")).toHaveLength(3);
  });

  test("keeps a selection", () => {
    const drawing = new Drawing().stream(["one two"]);
    document.body.append(drawing.root);
    const text = drawing.find("p")[0]!.firstChild!;
    getSelection()!.setBaseAndExtent(text, 0, text, 3);
    drawing.stream([" three", " **four** five", "\n\nsix"]).end();
    expect(getSelection()!.toString()).toBe("one");
    drawing.root.remove();
  });
});

describe("what a later line changes", () => {
  test("a table without a bar at its beginning is one as soon as its rule is there", () => {
    const drawing = new Drawing().stream(["a | b\n", "--|--\n", "1 | 2\n"]);
    expect(drawing.find("th").map((cell) => cell.textContent)).toEqual(["a", "b"]);
  });

  test("a label that is defined below is a link in the end", () => {
    const drawing = drawn("see [docs]\n\n", "[docs]: https://x.example/a");
    expect(drawing.find("a").map((link) => link.getAttribute("href"))).toEqual(["https://x.example/a"]);
    expect(drawing.root.textContent).toBe("see docs (x.example)");
  });
});

describe("a link", () => {
  test("opens apart, tells no one where it was, and says its host", () => {
    const drawing = drawn("[the **docs**](https://Docs.Example:8080/a?b=1#c)");
    const [link] = drawing.find("a");
    expect(link!.getAttribute("target")).toBe("_blank");
    expect(link!.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    expect(drawing.root.textContent).toBe("the docs (docs.example)");
  });

  test.each([
    "http://[",
    "http://[a:b]/",
    "http://a:99999/",
    "http://%65vil.example/",
    "https:evil.example",
    "https:///evil.example",
    "mailto:",
    "//evil.example",
    "http://",
    "/relative",
    "#fragment",
    "ftp://x.example",
  ])("leads nowhere where its host cannot be told: %s", (address) => {
    expect(drawn(`[x](${address}) <${address}>\n\n[y]\n\n[y]: ${address}`).find("a[href]")).toEqual([]);
  });

  test("shows the host that the browser goes to", () => {
    const drawing = drawn("[x](https://bank.example@evil.example/) [y](https://bücher.example)");
    expect(drawing.root.textContent).toBe("x (evil.example) y (xn--bcher-kva.example)");
  });
});

describe("code", () => {
  test("has its language beside it, and nothing in its text but the code", () => {
    const drawing = drawn("```py title\nx = 1\n\ny\n```");
    const [box] = drawing.find(".ragnb-code");
    expect(box!.dataset.language).toBe("py");
    expect(box!.textContent).toBe("x = 1\n\ny");
  });

  test("is copied without what was put into it", async () => {
    const written: string[] = [];
    Object.assign(navigator, { clipboard: { writeText: async (text: string) => void written.push(text) } });
    const drawing = new Drawing()
      .stream(["```\nab"])
      .say({ type: "Resumed", strategy: "s", model: "m", offset: 6 })
      .stream(["cd\n```"])
      .end();
    const [button] = drawing.find(".ragnb-code-copy");
    button!.click();
    await Promise.resolve();
    expect(written).toEqual(["abcd"]);
    expect(drawing.find("code .ragnb-seam")).toHaveLength(1);
  });
});

describe("a text of any size", () => {
  test.each([
    ["quotations", ">".repeat(5000)],
    ["lists", "- ".repeat(5000)],
    ["stars", "*".repeat(20_000)],
    ["brackets", "[".repeat(20_000)],
    ["images", "![".repeat(10_000)],
    ["links in links", "[a".repeat(5000) + "](b)".repeat(5000)],
    ["backticks", "`".repeat(20_000)],
    ["unequal backticks", Array.from({ length: 200 }, (_, n) => "`".repeat(n + 1)).join(" ")],
    ["emphasis begun", "a**b".repeat(10_000)],
    ["angles", "<a ".repeat(10_000)],
    ["backslashes", "\\".repeat(20_000)],
    ["entities", "&#x".repeat(10_000)],
    ["definitions", "[a]: <b\n".repeat(5000)],
    ["dashes", `${"-".repeat(5000)}x\n${"- ".repeat(2000)}x`],
    ["spaces", `a${" ".repeat(100_000)}b`],
    ["a heading of spaces", `# a${" ".repeat(100_000)}#b`],
    ["a row", `| ${"a | ".repeat(20_000)}\n|---|\n`],
    ["one line", "wörd ".repeat(20_000)],
  ])("is drawn: %s", (_, text) => {
    const halves = [text.slice(0, text.length / 2), text.slice(text.length / 2)];
    expect(drawn(...halves).html).toBe(whole(text));
  });
});
