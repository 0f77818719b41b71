"""Writes a corpus with a peer's own writer and builds its frames; runs in the peers' environment.

Prints JSON; `frames.py` says how to make the environment. With one conversation it also makes
the small logs that the tests of import read.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any


def inspect(folder: Path, count: int) -> dict[str, Any]:
    """Write samples of one tool call and one answer; read model events and messages."""
    import inspect_ai
    from inspect_ai.analysis import (
        EventInfo,
        EventTiming,
        ModelEventColumns,
        events_df,
        messages_df,
    )
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.solver import generate, use_tools
    from inspect_ai.tool import tool

    @tool  # type: ignore[untyped-decorator]
    def addition() -> Any:
        async def execute(x: int, y: int) -> int:
            """Add two numbers.

            Args:
                x: First.
                y: Second.
            """
            return x + y

        return execute

    def outputs() -> Any:
        for _ in range(count):
            call = ModelOutput.for_tool_call("mockllm/model", "addition", {"x": 1, "y": 2})
            call.usage = ModelUsage(
                input_tokens=100, output_tokens=20, total_tokens=120, input_tokens_cache_read=30
            )
            yield call
            answer = ModelOutput.from_content("mockllm/model", "It is 3.")
            answer.usage = ModelUsage(
                input_tokens=150, output_tokens=5, total_tokens=155, reasoning_tokens=2
            )
            yield answer

    samples = [Sample(input="1+2?", id=f"s{number}") for number in range(count)]
    task = inspect_ai.Task(dataset=samples, solver=[use_tools(addition()), generate()])
    model = get_model("mockllm/model", custom_outputs=outputs())
    inspect_ai.eval(task, model=model, log_dir=str(folder), display="none")
    found = {}
    columns = EventInfo + EventTiming + ModelEventColumns
    for name, read in {
        "steps": lambda: events_df(
            folder, columns=columns, filter=lambda event: event.event == "model", quiet=True
        ),
        "messages": lambda: messages_df(folder, quiet=True),
    }.items():
        found[name] = _timed(read)
    return found


def llm(folder: Path, count: int) -> dict[str, Any]:
    """Write threads of one tool call and one answer; read the rows of the tables."""
    os.environ["LLM_USER_PATH"] = str(folder)
    import llm as peer
    import pandas as pd
    import sqlite_utils
    from llm.migrations import migrate

    class Model(peer.Model):  # type: ignore[misc]
        model_id = "fake-1"
        supports_tools = True
        can_stream = False

        def execute(self, prompt: Any, stream: Any, response: Any, conversation: Any = None) -> Any:
            if prompt.tools and not prompt.tool_results:
                call = peer.ToolCall(name="add", arguments={"a": 1, "b": 2}, tool_call_id="c1")
                response.add_tool_call(call)
                cached = {"prompt_tokens_details": {"cached_tokens": 30}}
                response.set_usage(input=100, output=20, details=cached)
                yield ""
            else:
                thought = {"completion_tokens_details": {"reasoning_tokens": 2}}
                response.set_usage(input=150, output=5, details=thought)
                yield "It is 3."

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    database = sqlite_utils.Database(folder / "llm.db")
    migrate(database)
    for _ in range(count):
        chain = Model().conversation(tools=[add]).chain("1+2?", system="Be brief.")
        chain.text()
        chain.log_to_db(database)
    return {
        "steps": _timed(lambda: pd.read_sql("SELECT * FROM turns", database.conn)),
        "messages": _timed(
            lambda: pd.read_sql(
                "SELECT * FROM messages JOIN parts ON parts.message_hash = messages.hash",
                database.conn,
            )
        ),
    }


def _timed(read: Any) -> dict[str, float]:
    started = perf_counter()
    rows = len(read())
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": perf_counter() - started, "rows": rows, "mb": mb}


if __name__ == "__main__":
    peer, folder, count = sys.argv[1:]
    os.environ["HOME"] = folder
    measured = {"inspect": inspect, "llm": llm}[peer](Path(folder), int(count))
    print(json.dumps(measured))
