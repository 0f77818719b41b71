"""The states of a chat that a person meets, each as a notebook cell that makes it and stays."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .lab import Notebook

ANSWER = r"""## Two ways to the same line

The least-squares line through points $(x_i, y_i)$ minimises the **sum of squared
residuals**. Its slope has a closed form:

$$
\hat\beta = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{\sum_i (x_i - \bar x)^2}
$$

In code that is one call, or three lines:

```python
import numpy as np

def slope(x: np.ndarray, y: np.ndarray) -> float:
    # The means fall out: only distances from them count.
    dx, dy = x - x.mean(), y - y.mean()
    return float((dx @ dy) / (dx @ dx))
```

| Method | Cost | Stable? |
|:--|--:|:--|
| `slope` above | 3 ms | yes, after centring |
| `np.polyfit` | 11 ms | yes |
| normal equations | **2 ms** | *no* |

- [x] centre the data first
- [ ] plot the residuals

More in the [NumPy manual](https://numpy.org/doc/stable/)."""
THOUGHT = "The person wants the formula and a way to check it. I show the closed form first."

PREPARE = f"""ANSWER = {ANSWER!r}
THOUGHT = {THOUGHT!r}
"""
PREPARE += '''
import asyncio
import json
import dispatch_nb as dn
from dispatch_nb.engine.contracts import (
    Failure, Finish, ReasoningDelta, TextDelta, ToolCall, ToolInputDelta, ToolContext, UsageReport,
)
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.providers.scripted import Pause
from dispatch_nb.wire.conversation import Usage

FOR_EVER = Pause(36_000)


def cut(text, size=7):
    return [text[start : start + size] for start in range(0, len(text), size)]


def pieces(text):
    return [TextDelta(piece) for piece in cut(text)]


def used(given, answered, cached=0):
    usage = Usage(input_tokens=given, output_tokens=answered, cache_read_tokens=cached)
    return UsageReport(usage)


def slowly(events):
    return [part for event in events for part in (event, Pause(0.004))]


def chat(*steps, **options):
    return dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=":memory:", **options)


async def weather(city: str) -> str:
    """Say how the weather is."""
    await asyncio.sleep({"Oslo": 0.34, "Rome": 0.12}.get(city, 0))
    return {"Oslo": "4 °C, rain", "Rome": "19 °C, clear"}[city]


async def simulate(model: str, runs: int, context: ToolContext) -> str:
    """Run a simulation."""
    for run in range(4):
        line = f"run {run + 1} of {runs}: energy {-1.137 - run / 1000:.4f}\\n"
        context.on_output(line, "stdout")
    await asyncio.sleep(36_000)


async def read_table(path: str) -> str:
    """Read a table."""
    raise FileNotFoundError(f"No such file: {path}")
'''

PRICE = "dn.prices.set('scripted:custom', input=2.5, output=10, context_window=8_000)\n"
ASK = (
    f"{PRICE}one = chat([Pause(0.42), ReasoningDelta(THOUGHT), *slowly(pieces(ANSWER)),"
    " used(1412, 318, 1024), Finish('stop')])"
)

STORE = """
place = "states.db"
asked = [
    ("How do I fit a line by hand?", 412, 318), ("Compare Oslo and Rome", 180, 44),
    ("Why is the second derivative of the residuals negative where the data are sparse, and what"
     " does that say about the choice of the kernel?", 1210, 860),
    ("Name three lighthouses", 31, 12), ("Translate the abstract into Welsh", 620, 590),
]
for prompt, given, answered in asked:
    steps = [[TextDelta("An answer."), used(given, answered), Finish("stop")]]
    held = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), store=place)
    held.send(prompt).result(timeout=60)
    held.close()
dn.Store(place)
"""

CELLS: dict[str, tuple[str, str]] = {
    "empty": ("made = chat([])\nmade", ".dnb-empty-title"),
    "answer": (
        f"{ASK}\nturn = one.send('How do I fit a line by hand?')\none",
        ".dnb-chat[data-status=idle] .dnb-formula.dnb-set",
    ),
    "streaming": (
        "text = ANSWER[:ANSWER.index('| normal')]\n"
        "made = chat([ReasoningDelta(THOUGHT), *pieces(text), TextDelta('| norm'), FOR_EVER])\n"
        "turn = made.send('How do I fit a line by hand?')\nmade",
        ".dnb-table td",
    ),
    "thinking": (
        "made = chat([*map(ReasoningDelta, cut(THOUGHT)), FOR_EVER])\n"
        "turn = made.send('How do I fit a line by hand?')\nmade",
        ".dnb-thinking[data-streaming]",
    ),
    "tools": (
        "made = chat(\n"
        "    [ToolCall('1', 'weather', {'city': 'Oslo'}),"
        " ToolCall('2', 'weather', {'city': 'Rome'}),"
        " ToolCall('3', 'read_table', {'path': 'data/cities.csv'}), used(180, 44),"
        " Finish('tool_calls')],\n"
        "    [TextDelta('Oslo has **4 °C and rain**, Rome **19 °C** and a clear sky. The table is"
        " not there, so I simulate instead.'), ToolCall('4', 'simulate', {'model': 'ising-2d',"
        " 'runs': 12}), Finish('tool_calls')],\n"
        "    tools=[weather, read_table, simulate],\n)\n"
        "turn = made.send('Compare Oslo and Rome, then simulate the model.')\nmade",
        ".dnb-tool[data-state=running]",
    ),
    "writing": (
        "code = 'import numpy as np\\n\\ndef slope(x, y):\\n    # Only distances from the means'"
        "\\\n    ' count.\\n    dx, dy = x - x.mean(), y - y.mean()\\n    return float((dx @ dy'\n"
        "first = json.dumps({'path': 'slope.py', 'mode': {'create': True}, 'text': code})[:-2]\n"
        'second = \'{"city": "Osl\'\n'
        "made = chat([TextDelta('I write the module, and look up the weather meanwhile.'),"
        " *[ToolInputDelta('1', 'write_file', piece) for piece in cut(first)],"
        " *[ToolInputDelta('2', 'weather', piece) for piece in cut(second)],"
        " FOR_EVER])\n"
        "turn = made.send('Write it down.')\nmade",
        ".dnb-tool[data-state=writing]",
    ),
    "error": (
        "made = chat([*pieces('The first part of an answer, and then '),"
        " Failure('60 requests a minute are allowed, and this was one more.', code='429')])\n"
        "turn = made.send('Summarise the paper.')\nmade",
        ".dnb-error",
    ),
    "retry": (
        "made = chat([Failure('Overloaded', code='529', retryable=True, retry_after_ms=45_000)],"
        " retry=BackoffRetry())\n"
        "turn = made.send('Summarise the paper.')\nmade",
        ".dnb-retry",
    ),
    "results": (
        "rows = '\\n'.join(f'{n:>4}  {n * n:>7}  {n ** 0.5:8.4f}' for n in range(1, 400))\n"
        "async def tabulate(upto: int, columns: list) -> str:\n"
        "    'Make a table.'\n    await asyncio.sleep(0.02)\n    return rows\n\n"
        "async def query(sql: str) -> str:\n"
        "    'Ask the database.'\n    raise ValueError('near \"FORM\": syntax error\\n  SELECT *"
        " FORM measurements\\n           ^')\n\n"
        "sql = 'SELECT station, avg(t) AS mean\\nFORM measurements\\nGROUP BY station'\n"
        "made = chat(\n"
        "    [ToolCall('1', 'tabulate', {'upto': 400, 'columns': ['n', 'square', 'root']}),"
        " Finish('tool_calls')],\n"
        "    [ToolCall('2', 'query', {'sql': sql}), Finish('tool_calls')],\n"
        "    [TextDelta('The table is there; the query has a typing error.'), Finish('stop')],\n"
        "    tools=[tabulate, query],\n)\n"
        "turn = made.send('Tabulate squares, then ask the database.')\nmade",
        ".dnb-chat[data-status=idle] .dnb-tool[data-state=error]",
    ),
    "queue": (
        "made = chat([*pieces('I look at the first station and '), FOR_EVER])\n"
        "turn = made.send('Compare all stations.')\n"
        "await asyncio.sleep(0.3)\n"
        "turn.steer('Only those north of 60 degrees, please.')\n"
        "turn.steer('And give the altitudes in metres, with the year of the first measurement'"
        " ' of each, so that I can order them by hand afterwards.')\nmade",
        ".dnb-queue-item >> nth=1",
    ),
    "images": (
        "from matplotlib.figure import Figure\n"
        "figure = Figure(figsize=(4, 2.2), dpi=100)\n"
        "axes = figure.subplots()\naxes.plot([3, 1, 4, 1, 5, 9, 2, 6])\n"
        "axes.set_xlabel('day')\naxes.set_ylabel('count')\nfigure.tight_layout()\n"
        "made = chat([*pieces('The counts peak on **day 5**; the week before is quiet.'),"
        " used(1210, 24), Finish('stop')])\n"
        "turn = made.send('What stands out?', images=[figure,"
        " 'https://example.org/stations.png'])\nmade",
        ".dnb-chat[data-status=idle] .dnb-pictures img",
    ),
    "settings": (
        f"{PRICE}"
        "before, after = ANSWER.split('$$')[0], ANSWER[ANSWER.index('```'):]\n"
        "text = before + after[: after.index('| Method')]\n"
        "made = chat([*pieces(text), used(2412, 318, 256), Finish('stop')])\n"
        "turn = made.send('How do I fit a line by hand?')\nmade",
        ".dnb-chat[data-status=idle] .dnb-formula.dnb-set",
    ),
    "stopped": (
        "made = chat([*pieces('A lighthouse stands where the land ends and '), FOR_EVER])\n"
        "turn = made.send('Write a long text about lighthouses.')\n"
        "await asyncio.sleep(0.5)\nturn.stop()\nmade",
        ".dnb-stopped",
    ),
    "long": (
        "def part(n):\n    text = ANSWER[:ANSWER.index('| Method')]\n"
        "    return text.replace('Two ways to the same line', f'Answer {n}')\n\n"
        "steps = [[*pieces(part(n)), used(400 * n, 90), Finish('stop')] for n in range(1, 13)]\n"
        "made = chat(*steps)\n"
        "for n in range(1, 13):\n    await made.send(f'Question {n}')\nmade",
        ".dnb-chat[data-status=idle] [data-role=assistant]:nth-of-type(4)",
    ),
    "store": (STORE, ".dnb-library-row >> nth=4"),
    "lost": (
        "made = chat([*pieces('A lighthouse stands where the land ends and '), FOR_EVER])\n"
        "turn = made.send('Write a long text about lighthouses.')\nmade",
        ".dnb-text",
    ),
}
"""A cell for each state, and what is on the page when it is reached; `lost` must be the last."""


def finish(name: str, notebook: Notebook, chat: Locator) -> None:
    """Do what a person does to get from the cell to the state."""
    match name:
        case "answer":
            chat.locator(".dnb-details").last.click()
            expect(chat.locator("dl.dnb-facts")).to_contain_text("Tokens out")
        case "long":
            chat.locator(".dnb-log").hover()
            notebook.page.mouse.wheel(0, -500)
            expect(chat.locator(".dnb-jump-button")).to_be_visible()
        case "settings":
            chat.locator("button.dnb-model").click()
            chat.locator("input[role=combobox]").fill("gpt-5")
            chat.locator("[role=option]").first.wait_for()
            chat.locator("input[role=combobox]").press("ArrowDown")
        case "lost":
            notebook.restart_kernel()
            expect(chat).to_have_attribute("data-connection", "lost")
        case _:
            pass
