"""What people write first: an anywidget with a synced list of messages, assigned anew."""

from __future__ import annotations

import time
from collections.abc import Sequence

import anywidget
import traitlets

from .pace import HISTORY_TEXT, due


class Messages(anywidget.AnyWidget):
    """Every change sends the whole list."""

    _esm = """
    export default { render({ model, el }) {
      const box = document.createElement("div");
      box.className = "list-trait";
      el.append(box);
      const draw = () => {
        const texts = model.get("texts");
        while (box.children.length < texts.length) {
          box.append(document.createElement("div"));
          const at = box.children.length - 1;
          if (at < texts.length - 1) box.children[at].textContent = texts[at];
        }
        if (texts.length) box.lastElementChild.textContent = texts.at(-1);
      };
      draw();
      model.on("change:texts", draw);
    } };
    """
    texts = traitlets.List(traitlets.Unicode()).tag(sync=True)


shown: list[Messages] = []


def show(history: int) -> Messages:
    """Return the widget with its earlier messages."""
    shown[:] = [Messages(texts=[HISTORY_TEXT.format(number) for number in range(history)])]
    return shown[0]


async def stream(tokens: Sequence[str], rate: float) -> tuple[float, float]:
    """Assign the list anew for each token."""
    widget, text = shown[0], ""
    earlier = list(widget.texts)
    started = time.time()
    async for token in due(tokens, rate):
        text += token
        widget.texts = [*earlier, text]
    return started, time.time()
