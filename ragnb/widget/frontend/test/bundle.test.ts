// @vitest-environment node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { bundle } from "../build.mjs";

const committed = (name: string) => readFileSync(join(import.meta.dirname, "../../static", name), "utf8");

test("the committed bundle is what the sources make", async () => {
  for (const [name, text] of Object.entries(await bundle())) {
    expect(committed(name) === text, `${name} is out of date: npm run build`).toBe(true);
  }
});

test("the module is at most 40 KB, and imports nothing", () => {
  const module = committed("answer.js");
  expect(Buffer.byteLength(module)).toBeLessThanOrEqual(40 * 1024);
  expect(/\bimport\b|\brequire\(/.exec(module)).toBeNull();
});

test("nothing in it is parsed as HTML, evaluated or fetched", () => {
  const active = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bfetch\(|XMLHttpRequest/;
  expect(active.exec(committed("answer.js"))?.[0]).toBeUndefined();
  expect(/url\(|@import/.exec(committed("answer.css"))?.[0]).toBeUndefined();
});
