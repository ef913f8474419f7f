"""How long a click on the stop button takes, as a person at the page sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Thread
from typing import Any

from ragnb.simulator import Simulator

# The click's own time, and that of the change after which one answer more reads as cancelled.
_ARM = """() => {
  const cancelled = () =>
    [...document.querySelectorAll(".ragnb-status")].filter(node => node.textContent.includes("Cancelled")).length;
  const before = cancelled();
  window.stopping = new Promise(done => {
    let clicked;
    addEventListener("click", event => { clicked ??= performance.timeOrigin + event.timeStamp; }, { capture: true });
    const watch = new MutationObserver(() => {
      if (cancelled() === before) return;
      watch.disconnect();
      done({ clicked, shown: performance.timeOrigin + performance.now() });
    });
    watch.observe(document.body, { childList: true, subtree: true, characterData: true });
  });
}"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Milliseconds from the click until the model's connection was closed, and until the cell said so."""

    closed: float
    shown: float


def click_stop(page: Any, sim: Simulator) -> Stopped:
    """Click the stop button of the answer that streams on this page from this model, and measure."""
    closed: list[float] = []

    def wait() -> None:
        sim.wait_for_disconnect(timeout=30)
        closed.append(time.time() * 1000)

    waiting = Thread(target=wait)
    waiting.start()
    page.evaluate(_ARM)
    page.locator(".ragnb-stop").click()
    seen = page.evaluate("window.stopping")
    waiting.join()
    return Stopped(closed[0] - seen["clicked"], seen["shown"] - seen["clicked"])
