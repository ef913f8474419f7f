import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { Drawing, drawn, hit, quote, withSources } from "./text";

const HOSTILE = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../../tests/golden/hostile.json"), "utf8"),
) as string[];

const ALLOWED = new Set(
  ("p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td a span " +
    "div button mark b").split(" "),
);
const ATTRIBUTES = new Set(
  ("class href target rel start type title role tabindex dir id aria-label aria-expanded aria-controls " +
    "aria-level data-language").split(" "),
);

/** No element, attribute or address but those that are ours. */
function checkInert(root: HTMLElement): void {
  for (const found of root.querySelectorAll("*")) {
    expect(ALLOWED).toContain(found.localName);
    for (const { name, value } of found.attributes) {
      expect(ATTRIBUTES).toContain(name);
      if (name === "href") expect(value).toMatch(/^(?:https?:\/\/[^/]|mailto:.)/);
      if (name === "data-language") expect(value).toMatch(/^[\w+#.-]*$/);
    }
  }
  expect(root.textContent).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
}

describe.each(HOSTILE)("%j", (text) => {
  test("is inert, whole and cut anywhere", () => {
    checkInert(drawn(text).root);
    for (let cut = 1; cut < text.length; cut++) {
      const drawing = new Drawing().stream([text.slice(0, cut)]);
      checkInert(drawing.root);
      checkInert(drawing.stream([text.slice(cut)]).end().root);
    }
  });

  test("is inert in a document, its title and place, and in what is quoted of it", () => {
    const drawing = withSources(hit(text, text, { source: text, locator: { heading: [text], sheet: text, label: text } }));
    const quotes = [quote(1, 0, 5, text)];
    drawing.say({ type: "Token", text: "a [1] b" });
    drawing.say({ type: "Cited", start: 0, end: 1, quotes, marker: [2, 5] });
    drawing.say({ type: "Retrying", fault: text, message: text, attempt: 1, wait: 0 });
    drawing.say({ type: "Resumed", strategy: text, model: text, offset: 7 });
    drawing.stream([" c"]).end();
    drawing.find(".ragnb-chip")[0]!.click();
    expect(drawing.find(".ragnb-passage")).toHaveLength(1);
    checkInert(drawing.root);
  });
});
