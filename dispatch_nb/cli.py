"""The command line: ``dispatch-nb demo`` holds the quickstart's conversation in a terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TextIO

import pandas as pd

from . import frames
from .compose import open_conversation
from .conversation.local import LocalConversation
from .errors import DispatchError
from .wire import events as e
from .wire.extensions import ChunksCommittedEvent

__all__ = ["main"]

PROMPT = "What is 17 + 25? And what is the weather in Lisbon and in Oslo?"

# Kept small, so that the chat can be read as it runs.
CHUNK_COLUMNS = ["seq", "role", "chunk_type", "tool_name", "text", "delta_count"]
STEP_COLUMNS = [
    "step_index",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "time_to_first_chunk_s",
    "duration_s",
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather(city: str) -> dict[str, object]:
    """Return today's weather in a city, from a table made up for this demo.

    Parameters
    ----------
    city
        The city's name.
    """
    table = {"Lisbon": (24, "sunny"), "Oslo": (7, "rain"), "Tokyo": (18, "cloudy")}
    celsius, sky = table.get(city.title(), (15, "no two reports agree"))
    return {"city": city.title(), "celsius": celsius, "sky": sky}


class TerminalView:
    """Writes a turn's events to a stream as they come."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._open = ""
        self._colour = out.isatty()

    def show(self, event: object) -> None:
        """Write what an event adds to the conversation."""
        match event:
            case e.UserMessageEvent():
                self._line("you", event.text, "1;36")
            case e.ReasoningDeltaEvent():
                self._delta("thinking", event.delta, "2")
            case e.TextDeltaEvent():
                self._delta("answer", event.delta, "")
            case e.ToolCallEvent():
                self._line("call", f"{event.tool_name} {event.input}", "33")
            case e.ToolResultEvent():
                self._line("result", event.content, "31" if event.is_error else "32")
            case e.ErrorEvent():
                self._line("error", event.message, "31")
            case ChunksCommittedEvent():
                last = event.first_seq + event.count - 1
                seqs = f"seq {event.first_seq}" + (f" to {last}" if event.count > 1 else "")
                self._line("stored", seqs, "2")
            case _:
                pass

    def _delta(self, name: str, text: str, style: str) -> None:
        if self._open != name:
            self._close()
            self._out.write(self._label(name))
            self._open = name
        self._out.write(self._styled(text.replace("\n", "\n" + " " * 10), style))
        self._out.flush()

    def _line(self, name: str, text: str, style: str) -> None:
        self._close()
        self._out.write(f"{self._label(name)}{self._styled(text, style)}\n")
        self._out.flush()

    def _close(self) -> None:
        if self._open:
            self._out.write("\n")
            self._open = ""

    def _label(self, name: str) -> str:
        return self._styled(f"{name:>8}  ", "2")

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and style else text


async def _hold(conversation: LocalConversation, out: TextIO) -> None:
    view = TerminalView(out)
    turn = conversation.send(PROMPT)
    async for event in turn.events():
        view.show(event)
    await turn
    out.write("\n\n")


def demo(out: TextIO = sys.stdout) -> None:
    """Hold the quickstart's conversation with the scripted provider, and show its frames."""
    conversation = open_conversation(tools=[add, weather], store=":memory:")
    asyncio.run(_hold(conversation, out))
    chunks = frames.chunks_frame(conversation.store, conversation.id)
    steps = frames.steps_frame(conversation.store, conversation.id)
    out.write("chat.chunks, every chunk with its seq:\n")
    out.write(_table(chunks[CHUNK_COLUMNS]) + "\n\n")
    out.write("chat.steps, one row for each model request:\n")
    out.write(_table(steps[STEP_COLUMNS].round(2)) + "\n")


def _table(frame: pd.DataFrame) -> str:
    return str(frame.astype(object).fillna("").to_string(index=False, max_colwidth=44))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dispatch-nb", description=__doc__)
    parser.add_argument("--version", action="version", version=version("dispatch_nb"))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="hold a conversation in the terminal, offline")
    parser.parse_args(arguments)
    try:
        demo()
    except DispatchError as error:
        print(f"dispatch-nb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
