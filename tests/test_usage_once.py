"""One usage event for each request, over the real readers, and what a killed process leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import dispatch_nb as dn
from dispatch_nb.providers.answer import Answer, Decoder, Reader
from dispatch_nb.providers.chat_reader import ChunkReader
from dispatch_nb.providers.messages_reader import MessageReader
from dispatch_nb.providers.ndjson import NdjsonDecoder
from dispatch_nb.providers.ollama_reader import OllamaReader
from dispatch_nb.providers.responses_reader import ResponseReader
from dispatch_nb.providers.sse import SseDecoder
from dispatch_nb.wire.conversation import Usage
from tests.engine_parts import Playback, Turn

Frame = Mapping[str, Any]


def said(text: str, **more: Any) -> Frame:
    return {"choices": [{"index": 0, "delta": {"content": text}}], **more}


def counts(output: int) -> Frame:
    return {"prompt_tokens": 11, "completion_tokens": output}


STOP: Frame = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
BLOCK: Frame = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "ab"},
}


def begun(**usage: int) -> Frame:
    return {"type": "message_start", "message": {"id": "m", "usage": usage}}


def stopped(**usage: int) -> list[Frame]:
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    return [delta, {"type": "message_stop"}]


def response(kind: str, **more: Any) -> Frame:
    return {"type": f"response.{kind}", **more}


def whole(output: int, status: str) -> Frame:
    return {"id": "r", "status": status, "usage": {"input_tokens": 11, "output_tokens": output}}


WORDS = response("output_text.delta", output_index=0, delta="ab")
ANSWERS: dict[str, tuple[Reader, Decoder, list[Frame]]] = {
    "chat, in every chunk": (
        ChunkReader(),
        SseDecoder(),
        [said("a", usage=counts(1)), said("b", usage=counts(7)), {**STOP, "usage": counts(7)}],
    ),
    "chat, at the end": (
        ChunkReader(),
        SseDecoder(),
        [said("a"), said("b"), STOP, {"choices": [], "usage": counts(7)}],
    ),
    "chat, in two places": (
        ChunkReader(),
        SseDecoder(),
        [
            said("ab"),
            {**STOP, "x_groq": {"usage": counts(6)}},
            {"choices": [], "usage": counts(7)},
        ],
    ),
    "messages, in two places": (
        MessageReader("m"),
        SseDecoder(),
        [begun(input_tokens=11, output_tokens=1), BLOCK, *stopped(output_tokens=7)],
    ),
    "messages, at the end": (
        MessageReader("m"),
        SseDecoder(),
        [begun(), BLOCK, *stopped(input_tokens=11, output_tokens=7)],
    ),
    "messages, again and again": (
        MessageReader("m"),
        SseDecoder(),
        [
            begun(input_tokens=11),
            BLOCK,
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3}},
            *stopped(output_tokens=7),
        ],
    ),
    "responses, at the end": (
        ResponseReader(),
        SseDecoder(),
        [
            response("created", response={"id": "r", "usage": None}),
            WORDS,
            response("completed", response=whole(7, "completed")),
        ],
    ),
    "responses, in two places": (
        ResponseReader(),
        SseDecoder(),
        [
            response("created", response=whole(1, "in_progress")),
            response("in_progress", response=whole(2, "in_progress")),
            WORDS,
            response("completed", response=whole(7, "completed")),
        ],
    ),
    "ollama, at the end": (
        OllamaReader(),
        NdjsonDecoder(),
        [
            {"message": {"content": "ab"}, "done": False},
            {"done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7},
        ],
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("where", ANSWERS)
async def test_a_request_has_one_usage_event_wherever_its_api_counts(where: str) -> None:
    reader, decoder, frames = ANSWERS[where]
    mark = "{}\n" if isinstance(decoder, NdjsonDecoder) else "data: {}\n\n"
    answer = Answer("http://server", reader, decoder)
    body = "".join(mark.replace("{}", json.dumps(frame)) for frame in frames).encode()
    events = [*answer.feed(body), *answer.flush()]
    turn = Turn(Playback(events))
    result = await turn.run()
    (event,) = turn.of("usage")
    assert event.usage == result.usage == Usage(input_tokens=11, output_tokens=7)
    assert turn.of("done")[0].usage == result.usage
    assert result.finish_reason in ("stop", "end_turn", "completed")


KILLED = """
import asyncio, os, signal, sys, time
import dispatch_nb as dn
from dispatch_nb.engine.contracts import *
from dispatch_nb.engine.retry import BackoffRetry
from dispatch_nb.wire.conversation import Usage

def report(output):
    usage = Usage(input_tokens=100, output_tokens=output, cache_read_tokens=40)
    return UsageReport(usage, reasoning_tokens=2, raw={"their": "words"})

def add(a: int) -> int:
    "Add."
    while not any(row.event.type == "usage" for row in chat.events()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

async def die():
    while not chat.events() or chat.events()[-1].event.type != "text-delta":
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

class AtOnce(BackoffRetry):
    def delay_for(self, attempt, failure, waited_ms):
        return 0

broken = [UsageSoFar(report(1)), Failure("gone", retryable=True)]
cut = [AnswerInfo("id", "who"), UsageSoFar(report(3)), TextDelta("b" * 9), die]
called = [AnswerInfo("id", "who"), ToolCall("c", "add", {"a": 1}), report(3), Finish("x")]
steps = [broken, cut] if sys.argv[2] == "midway" else [broken, called]
provider = dn.ScriptedProvider(steps=steps, pace=0)
chat = dn.Chat(provider, tools=[add], store=sys.argv[1], conversation="c", retry=AtOnce())
chat.send("?").result(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not a thing of Windows")
@pytest.mark.parametrize(
    ("when", "output", "source"),
    [("midway", 3 + 3, "estimated"), ("while its tool runs", 3, "reported")],
)
def test_what_was_told_of_a_request_outlives_a_kill(
    tmp_path: Path, when: str, output: int, source: str
) -> None:
    path = tmp_path / "lab.db"
    argv = [sys.executable, "-c", KILLED, str(path), when]
    done = subprocess.run(argv, env=os.environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    chat = dn.Chat(dn.ScriptedProvider(pace=0), store=path, conversation="c")
    names = ["attempt", "finish_reason", "input_tokens", "output_tokens", "cache_read_tokens"]
    names += ["reasoning_tokens", "usage_source", "is_lower_bound"]
    shown = chat.steps.sort_values("attempt")[names].astype(object).to_numpy().tolist()
    assert shown == [
        [0, "error", 100, 1, 40, 2, "reported", True],
        [1, "aborted", 100, output, 40, 2, source, True],
    ]
    (turn,) = chat.turns.to_dict("records")
    assert (turn["input_tokens"], turn["output_tokens"]) == (200, 1 + output)
    assert (turn["usage_source"], turn["is_lower_bound"]) == (source, True)
    assert chat.steps["response_id"].tolist()[-1] == "id"
    chat.close()
