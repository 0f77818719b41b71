"""Parts that the store's tests share: a writer, short messages, Python processes."""

from __future__ import annotations

import os
import subprocess
import sys

from dispatch_nb.store import CommitStamp, ConversationRow, EventRow
from dispatch_nb.wire.conversation import (
    ChatMessage,
    TextChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from dispatch_nb.wire.events import TextDeltaEvent


class Talk:
    """A conversation whose event numbers are counted here, as its one writer does."""

    def __init__(self, store, conversation_id="c"):
        self.store, self.id, self.n = store, conversation_id, 0
        store.create_conversation(ConversationRow(conversation_id, created_us=1)).result()

    def stamp(self):
        self.n += 1
        return CommitStamp(self.n, at_us=1000 + self.n, mono_us=self.n)

    def say(self, *messages, turn_id="t0", step_id=None, **more):
        return self.store.append_chunks(
            self.id, messages, turn_id=turn_id, step_id=step_id, event=self.stamp(), **more
        ).result()

    def happen(self, *texts, turn_id="t0"):
        rows = []
        for text in texts:
            stamp = self.stamp()
            event = TextDeltaEvent(conversation_id=self.id, turn_id=turn_id, delta=text)
            rows.append(EventRow(stamp.n, stamp.at_us, stamp.mono_us, event))
        self.store.append_events(self.id, rows).result()
        return rows


def message(role, *chunks):
    return ChatMessage(
        role=role, chunks=[TextChunk(text=c) if isinstance(c, str) else c for c in chunks]
    )


def call(number, input=None):
    return ToolCallChunk(tool_call_id=f"call_{number}", tool_name="add", input=input)


def result(number, content, is_error=False):
    return ToolResultChunk(
        tool_call_id=f"call_{number}", tool_name="add", content=content, is_error=is_error
    )


def append(store, n, *texts, conversation_id="c", **more):
    return store.append_chunks(
        conversation_id,
        [message("user", *texts)],
        turn_id="t",
        step_id=None,
        event=CommitStamp(n, n, n),
        **more,
    )


def assert_gap_free(store, conversation_id="c"):
    row = store.conversation(conversation_id)
    chunks = store.history(conversation_id).chunks
    events = store.events(conversation_id)
    assert [item.seq for item in chunks] == list(range(1, row.last_seq + 1))
    assert [event.n for event in events] == list(range(1, row.last_n + 1))
    told = [
        (row.event.first_seq, row.event.count)
        for row in events
        if row.event.type == "nb.chunks-committed"
    ]
    position = 1
    for first_seq, count in told:
        assert first_seq == position
        position += count
    assert position == row.last_seq + 1
    return chunks


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run_python(code, *arguments, **environment):
    """Run Python code in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out
