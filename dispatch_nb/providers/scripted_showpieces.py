"""Answers on request that show off a view: something long, and every kind of markdown."""

from __future__ import annotations

from .scripted_words import numbers, words

__all__ = ["showpiece"]

MOST_COUNTED = 10_000

_SECTIONS = (
    (
        "A turn",
        "A turn is one message of yours and everything that answers it. It has an id of its "
        "own, a beginning, and an end that is always recorded, whether the answer came whole, "
        "was stopped, or broke off.",
    ),
    (
        "A step",
        "Inside a turn there are steps. A step is one request to a model and the answer to "
        "it. When the answer asks for tools, they run and another step follows; when it is "
        "plain text, the turn is over.",
    ),
    (
        "Deltas",
        "A model writes one token after the other, and each travels here as soon as it is "
        "known. Such a piece is called a delta. The text that you are reading is made of "
        "several hundred of them, joined one by one.",
    ),
    (
        "Chunks",
        "Joined deltas of one kind make a chunk: a piece of text, a piece of thinking, a tool "
        "call, a tool result. Chunks are what the store keeps, each with a number called "
        "`seq` that counts up without a gap.",
    ),
    (
        "Time to first token",
        "Before the first piece arrives, a real model reads the whole request. That wait "
        "grows with the length of the conversation. After it, the pace is nearly even, so "
        "the two are measured apart.",
    ),
    (
        "Usage",
        "Input tokens are everything that was sent, output tokens everything that came back. "
        "A conversation is sent again with every step, so the input grows with each turn "
        "even when your questions stay short.",
    ),
    (
        "Tools",
        "A model cannot run anything. It can only ask: it names a function and gives "
        "arguments as JSON. The function runs here, and the model reads what it returned in "
        "the next step, as text.",
    ),
    (
        "Stopping",
        "Stop closes the connection to the provider, so that nothing more is computed or paid "
        "for. What has arrived until then stays in the transcript, and the turn is recorded "
        "as aborted rather than finished.",
    ),
    (
        "Errors",
        "A provider may refuse, be too busy, or fall silent in mid-sentence. The error becomes "
        "a chunk of the transcript like any other, so that it is still there when you look "
        "for it tomorrow.",
    ),
    (
        "Reading it back",
        "Everything above can be read as tables: `chat.chunks` for the pieces, `chat.steps` "
        "and `chat.turns` for times and finish reasons, `chat.usage` for tokens. The tables "
        "are valid while a turn still runs.",
    ),
)

_MARKDOWN = """## Every kind of block

Text may be **bold**, *italic*, `code`, ~~struck out~~ or a [link](https://commonmark.org).

1. First
2. Second
   - with a point below it

| Step | Kind | Tokens |
|---|---|---:|
| 1 | tool call | 12 |
| 2 | answer | 148 |

```python
def fold(state, events):
    for event in events:
        state = fold_event(state, event)
    return state
```

> A quotation, for words that are someone else's.

---

*Scripted demo: no model runs here.*"""


def showpiece(request: str) -> str | None:
    """Return the long or decorated text that `request` asks for, or None if it asks for neither."""
    said = frozenset(words(request))
    if "count" in said and {"to", "until"} & said and (found := numbers(request)):
        return _counting(int(max(1, min(found[-1], MOST_COUNTED))))
    asked = {"write", "tell", "give", "show", "ask", "need", "want", "make", "generate"} & said
    kinds = {"text", "story", "essay", "poem", "answer", "letter", "article", "something", "list"}
    if said & {"long", "longer", "lengthy"} and (asked or kinds & said):
        return _long()
    if "markdown" in said:
        return _MARKDOWN
    return None


def _counting(last: int) -> str:
    rows = [
        ", ".join(str(number) for number in range(first, min(first + 10, last + 1)))
        for first in range(1, last + 1, 10)
    ]
    counted = ",\n".join(rows)
    return f"Counting to {last:,}; Stop ends it at any number.\n\n{counted}.\n\n{_END}"


def _long() -> str:
    parts = [
        "Here is a long text about what is happening while you read it. Press **Stop** at any "
        "moment: what has arrived stays."
    ]
    parts += [f"### {number}. {title}\n\n{text}" for number, (title, text) in _numbered()]
    return "\n\n".join([*parts, _END])


def _numbered() -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(_SECTIONS, 1))


_END = "*Scripted demo: no model runs here.*"
