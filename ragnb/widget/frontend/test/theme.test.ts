import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { followTheme, theme } from "../src/theme";

let isDarkPreferred = false;

beforeEach(() => {
  isDarkPreferred = false;
  vi.stubGlobal("matchMedia", () => ({
    get matches() {
      return isDarkPreferred;
    },
    addEventListener() {},
    removeEventListener() {},
  }));
});

afterEach(() => {
  for (const root of [document.body, document.documentElement]) {
    for (const { name } of [...root.attributes]) root.removeAttribute(name);
  }
  vi.unstubAllGlobals();
});

describe("the theme", () => {
  test.each([
    ["body", "data-jp-theme-light", "false", "dark"],
    ["body", "data-jp-theme-light", "true", "light"],
    ["body", "data-vscode-theme-kind", "vscode-dark", "dark"],
    ["body", "data-vscode-theme-kind", "vscode-light", "light"],
    ["body", "data-vscode-theme-kind", "vscode-high-contrast", "dark"],
    ["body", "data-vscode-theme-kind", "vscode-high-contrast-light", "light"],
    ["html", "data-theme", "dark", "dark"],
    ["html", "theme", "dark", "dark"],
    ["body", "class", "some dark mode", "dark"],
  ])("is what %s says by %s=%s", (tag, attribute, value, expected) => {
    isDarkPreferred = expected === "light";
    (tag === "body" ? document.body : document.documentElement).setAttribute(attribute, value);
    expect(theme()).toBe(expected);
  });

  test("is the reader's preference where the host says nothing", () => {
    expect(theme()).toBe("light");
    isDarkPreferred = true;
    expect(theme()).toBe("dark");
  });

  test("follows the host as it changes, until that is ended", async () => {
    const card = document.createElement("div");
    const end = followTheme(card);
    expect(card.dataset.theme).toBe("light");
    document.body.dataset.jpThemeLight = "false";
    await vi.waitUntil(() => card.dataset.theme === "dark");
    end();
    document.body.dataset.jpThemeLight = "true";
    await Promise.resolve();
    expect(card.dataset.theme).toBe("dark");
  });
});
