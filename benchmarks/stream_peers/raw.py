"""The floor: a bare anywidget that appends text to one text node, told every 16 ms.

It takes its tokens one by one, as every way does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import anywidget
import traitlets

from .pace import HISTORY_TEXT, due

EVERY_S = 0.016


class Floor(anywidget.AnyWidget):
    """Earlier messages as plain lines, and one text node that grows."""

    _esm = """
    export default { render({ model, el }) {
      for (const text of model.get("earlier")) {
        const line = document.createElement("div");
        line.textContent = text;
        el.append(line);
      }
      const tail = document.createElement("div");
      tail.className = "floor-tail";
      tail.style.whiteSpace = "pre-wrap";
      const node = tail.appendChild(document.createTextNode(""));
      el.append(tail);
      let waiting = "";
      model.on("msg:custom", ({ text }) => {
        if (!waiting) requestAnimationFrame(() => { node.appendData(waiting); waiting = ""; });
        waiting += text;
      });
    } };
    """
    earlier = traitlets.List(traitlets.Unicode()).tag(sync=True)


shown: list[Floor] = []


def show(history: int) -> Floor:
    """Return the widget with its earlier messages."""
    shown[:] = [Floor(earlier=[HISTORY_TEXT.format(n) for n in range(history)])]
    return shown[0]


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Send what came in 16 ms; all at once in messages of 2,000 tokens without a rate."""
    started = time.time()
    if rate == 0:
        for first in range(0, len(tokens), 2000):
            shown[0].send({"text": "".join(tokens[first : first + 2000])})
        return started, time.time()
    waiting: list[str] = []
    sent = 0.0
    async for token in due(tokens, rate):
        waiting.append(token)
        if time.perf_counter() - sent >= EVERY_S:
            shown[0].send({"text": "".join(waiting)})
            waiting, sent = [], time.perf_counter()
    ended = time.time()
    shown[0].send({"text": "".join(waiting)})
    return started, ended
