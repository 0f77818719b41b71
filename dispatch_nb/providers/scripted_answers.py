"""What the scripted provider says: answers that explain the turn they end."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..engine.contracts import Tool
from ..wire.conversation import ToolCallChunk
from .scripted_arguments import read_parameters
from .scripted_plan import Plan, PlannedCall
from .scripted_turn import Exchange, TurnSoFar
from .scripted_words import words

__all__ = ["LABEL", "answer", "answer_results", "think", "think_results"]

LABEL = "*Scripted demo: no model runs here.*"

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OWN_TOOL = '''```python
def weather(city: str) -> str:
    """Tell the current weather of a city."""
    return f"{city}: 19 °C and sunny"

chat = dn.Chat(tools=[weather])
chat.send("What's the weather in Lisbon and in Oslo?")
```'''


def think(turn: TurnSoFar, plan: Plan, tools: Sequence[Tool]) -> str:
    """Return the thinking at the start of a request: which tools fit, and why."""
    start = (
        "This is a script, not a model: it compares the words of the prompt with the names "
        f"and descriptions of the {_count(len(tools), 'tool')} in the request.\n\n"
    )
    if turn.steering:
        start = f"While the tools ran, a new message came in: “{_quote(turn.request)}”.\n\n"
    if plan.calls:
        return start + _reasons(plan.calls)
    if plan.unfilled:
        first = plan.unfilled[0]
        names = " and ".join(f"`{name}`" for name in first.missing)
        return f"{start}`{first.tool.name}` fits, but nothing in the prompt is a value for {names}."
    if not tools:
        return "This is a script, not a model. The request holds no tools, so words are all I have."
    return f"{start}None of them fits, so this step answers without a call."


def think_results(turn: TurnSoFar, plan: Plan) -> str:
    """Return the thinking of a request that brought tool results."""
    if turn.steering and not turn.steps_since_request:
        return think(turn, plan, ())
    last = turn.steps[-1]
    failed = sum(1 for e in last if e.result is not None and e.result.is_error)
    came = ("The result has", "Both results have")[len(last) - 1 : len(last)]
    start = f"{came[0] if came else f'All {_number(len(last))} results have'} come back"
    start += " with this request."
    if failed:
        start += f" {_number(failed).capitalize()} of them reports an error; I pass that on."
    if plan.calls:
        return f"{start} The prompt asks for more.\n\n{_reasons(plan.calls)}"
    return f"{start} Nothing is left to call. Time to answer."


def answer_results(turn: TurnSoFar, input_tokens: int) -> str:
    """Return the answer of a turn that called tools."""
    parts = [_results(turn.exchanges), "**How this turn got here**", _story(turn, input_tokens)]
    last = turn.steps[-1]
    if len(turn.steps) > 1 and len(last) == 1 and last[0].result and not last[0].result.is_error:
        parts.insert(0, f"The last call returned **{_cell(_outcome(last[0]))}**.")
    closing = f"{LABEL} The calls and their results are real; fixed rules chose them."
    return "\n\n".join([*parts, closing])


def answer(turn: TurnSoFar, plan: Plan, tools: Sequence[Tool], input_tokens: int) -> str:
    """Return the answer of a turn that called nothing."""
    if plan.unfilled:
        parts = [_unfilled(plan)]
    elif tools:
        parts = [
            f"{_lead(turn)} the functions given to this chat can be called. Try one of these:",
            "\n".join(_offer(tool) for tool in tools[:6]),
        ]
    else:
        parts = [
            f"{_lead(turn)} a Python function can be called. Give the chat one, and ask:",
            _OWN_TOOL,
        ]
    parts += ["**What just happened**", _plain_story(turn, tools, input_tokens)]
    parts.append(
        "To see more: ask for *a long text* and press Stop, or connect a model with "
        '`dn.Chat("openai:MODEL", base_url="…")`.'
    )
    return "\n\n".join([*parts, LABEL] if plan.unfilled else parts)


def _lead(turn: TurnSoFar) -> str:
    if {"hello", "hi", "hey", "hallo"}.intersection(words(turn.request)):
        return f"Hello! {LABEL} There is nobody to talk to, but"
    return f"{LABEL} So “{_quote(turn.request)}” cannot be answered from knowledge, but"


def _reasons(calls: Sequence[PlannedCall]) -> str:
    lines = [f"- “{call.because}” fits: `{_call(call.tool.name, call.input)}`" for call in calls]
    listed = "\n".join(lines)
    if len(calls) == 1:
        return f"One call to make:\n\n{listed}"
    count = _number(len(calls)).capitalize()
    return f"{count} calls, and none needs another's result, so all go out in one step:\n\n{listed}"


def _results(exchanges: Sequence[Exchange]) -> str:
    if len(exchanges) > 1:
        rows = [f"| `{_cell(_shown(e.call))}` | {_cell(_outcome(e))} |" for e in exchanges]
        return "\n".join(["| Call | Result |", "|---|---|", *rows])
    only = exchanges[0]
    outcome = _outcome(only)
    if "\n" in outcome or len(outcome) > 80:
        fence = "```json" if outcome.startswith(("{", "[")) else "```"
        return f"`{_shown(only.call)}` returned:\n\n{fence}\n{outcome}\n```"
    if only.result is not None and only.result.is_error:
        return f"`{_shown(only.call)}` failed: {outcome}"
    return f"`{_shown(only.call)}` returned **{outcome}**."


def _story(turn: TurnSoFar, input_tokens: int) -> str:
    lines = ["**Your message** was stored, then sent with a description of each tool."]
    for number, step in enumerate(turn.steps, 1):
        names = " and ".join(dict.fromkeys(f"`{e.call.tool_name}`" for e in step))
        calls = "a call of" if len(step) == 1 else f"{_number(len(step))} calls at once, of"
        ran = "It ran" if len(step) == 1 else "They ran"
        failed = any(e.result is not None and e.result.is_error for e in step)
        each = "the result" if len(step) == 1 else "each result"
        lines.append(
            f"**Step {number}** ended in {calls} {names}. {ran} as plain Python, and {each} "
            f"was added as a tool message{', the error too' if failed else ''}."
        )
    if turn.steering:
        lines.append(
            f"**“{_quote(turn.request)}”** came in meanwhile and was put in after the results."
        )
    lines.append(
        f"**Step {len(turn.steps) + 1}**, this one, was sent all of it again: "
        f"{_messages(turn)}, {input_tokens:,} input tokens."
    )
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _plain_story(turn: TurnSoFar, tools: Sequence[Tool], input_tokens: int) -> str:
    offered = f" and {_count(len(tools), 'tool')}" if tools else ""
    lines = [
        f"**One step**: a request with {_messages(turn)}{offered}, {input_tokens:,} input tokens.",
        "**Thinking, then text** streamed in as small pieces, which the chat joined.",
        "**No tool call**, so the finish reason is `stop` and the turn ends here.",
    ]
    if turn.turn_number > 1:
        lines.insert(
            1,
            f"**Turn {turn.turn_number}** of this conversation: a model remembers nothing, so "
            "everything said before was sent again.",
        )
    return "\n".join(f"- {line}" for line in lines)


def _unfilled(plan: Plan) -> str:
    lines = []
    for unfilled in plan.unfilled:
        names = " and ".join(f"`{name}`" for name in unfilled.missing)
        example = _example(unfilled.tool)
        lines.append(
            f"`{unfilled.tool.name}` fits your question, but the message has no value for {names}. "
            f"Numbers, capitalised names and quoted text are found: *{example}*"
        )
    return "\n\n".join(lines)


def _offer(tool: Tool) -> str:
    names = ", ".join(p.name for p in read_parameters(tool.parameters))
    said = " ".join(tool.description.partition("\n\n")[0].split())
    return f"- `{tool.name}({names})`: {said} Try *{_example(tool)}*"


def _example(tool: Tool) -> str:
    numbers = iter(("17", "25", "4", "9"))
    given = []
    for parameter in read_parameters(tool.parameters):
        if not parameter.required:
            continue
        if parameter.kind == "enum":
            given.append(str(parameter.options[0]))
        elif parameter.kind in ("number", "integer", "any"):
            given.append(next(numbers, "2"))
        elif parameter.kind == "array":
            given.append("3, 4 and 5")
        elif parameter.kind == "string":
            given.append("“Lisbon”")
    return f"Use {tool.name} with {' and '.join(given)}" if given else f"Use {tool.name}"


def _shown(call: ToolCallChunk) -> str:
    return _call(call.tool_name, call.input)


def _call(name: str, given: object) -> str:
    if not isinstance(given, dict):
        return f"{name}({_quote(json.dumps(given, ensure_ascii=False))})"
    pairs = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items())
    return f"{name}({', '.join(pairs)})"


def _outcome(exchange: Exchange) -> str:
    content = "no result" if exchange.result is None else _readable(exchange.result.content)
    return content if len(content) <= 600 else f"{content[:600]}…"


def _readable(content: str) -> str:
    """Return a flat JSON object as ``name: value`` pairs, anything else as it is."""
    try:
        data = json.loads(content)
    except ValueError:
        return content.strip()
    if not isinstance(data, dict) or any(isinstance(v, dict | list) for v in data.values()):
        return content.strip()
    return ", ".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in data.items()
    )


def _cell(text: str) -> str:
    short = " ".join(text.split())
    return (short if len(short) <= 160 else f"{short[:159]}…").replace("|", "\\|")


def _quote(text: str) -> str:
    short = " ".join(text.split())
    short = short if len(short) <= 60 else f"{short[:59]}…"
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in short)


def _messages(turn: TurnSoFar) -> str:
    return _count(turn.message_count, "message")


def _count(count: int, noun: str) -> str:
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"


def _number(count: int) -> str:
    return _COUNTS[count] if count < len(_COUNTS) else f"{count:,}"
