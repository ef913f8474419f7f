import { afterEach, beforeEach, expect, test, vi } from "vitest";

// @ts-expect-error the bundle has no types
import built from "../../static/answer.js";
import widget from "../src/index";
import { GOLDEN, packed } from "./golden";
import { Host } from "./host";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function drawn(make: typeof widget, events: unknown[]): string {
  const host = new Host({ can_ask_again: true });
  const { initialize, render } = make();
  initialize({ model: host });
  const el = document.createElement("div");
  render({ model: host, el });
  host.batch(0, packed(events));
  vi.advanceTimersToNextFrame();
  for (const details of el.querySelectorAll("details")) details.open = true;
  for (const chip of el.querySelectorAll<HTMLElement>(".ragnb-chip")) chip.click();
  vi.advanceTimersByTime(100);
  return el.outerHTML.replace(/ragnb-passage-\d+/g, "ragnb-passage");
}

test.each(GOLDEN)("the bundle draws $name as the sources do", ({ events }) => {
  expect(drawn(built, events)).toBe(drawn(widget, events));
});
