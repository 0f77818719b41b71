"""Any bytes at all: the decoders and readers neither crash nor hang nor contradict themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzzing import PARTS, WIRES, judge

ROOT = Path(__file__).parents[1]
FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
RUNS = int(os.environ.get("DISPATCH_NB_FUZZ_RUNS", 1_000_000 if FULL else 1_500))


ODD = st.sampled_from(
    [None, "", "a", "b", 0, 1, -1, 1.5, float("nan"), True, [], {}, [None], ["a"], {"text": "a"}]
)


def mostly(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(each, each, each, each, ODD)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with any of `fields`, each as it should be or odd."""
    return st.fixed_dictionaries({}, optional={name: mostly(each) for name, each in fields.items()})


def listed(each: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(mostly(each), max_size=3)


numbers, ids = st.integers(0, 2), st.sampled_from(["a", "b", ""])
arguments = st.sampled_from(["{}", '{"x"', ": 1}", "", "null", "[", "NaN"])
counts = some(**dict.fromkeys(("prompt_tokens", "input_tokens", "completion_tokens"), numbers))
function = some(name=ids, arguments=arguments)
thoughts = listed(some(type=ids, index=numbers, text=ids, signature=ids, summary=ids, id=ids))
fragments = listed(some(index=numbers, id=ids, function=function))
said = some(
    content=ids | listed(some(type=st.just("thinking"), thinking=thoughts, text=ids)),
    reasoning_content=ids,
    reasoning=ids,
    reasoning_details=thoughts,
    thinking_blocks=thoughts,
    thinking=ids,
    refusal=ids,
    tool_calls=fragments,
    function_call=function,
)
item = some(
    type=st.sampled_from(["message", "reasoning", "function_call", "web_search_call"]),
    **dict.fromkeys(("id", "call_id", "name", "encrypted_content"), ids),
    arguments=arguments,
    summary=thoughts,
    content=thoughts,
)
block = some(
    type=st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking", "server_tool_use"]),
    **dict.fromkeys(("id", "name", "text", "thinking", "signature", "data"), ids),
    input=function,
)
ends = st.sampled_from(["stop", "length", "tool_use", "end_turn", "error"])


def kinds(name: str, *shown: str) -> st.SearchStrategy[str]:
    """Return the types of an API's events, those that `name` begins and the `shown` ones."""
    return st.sampled_from([*(word for word in WIRES[name].words if "_" in word), *shown])


def delta(**fields: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


FRAMES = {
    "chat": st.builds(delta, tool_calls=fragments, content=ids)
    | st.builds(delta, reasoning_details=thoughts, content=ids)
    | some(
        choices=listed(some(index=numbers, delta=said, message=said, finish_reason=ends)),
        usage=counts,
        x_groq=some(usage=counts),
        error=some(message=ids, code=ids),
        **dict.fromkeys(("id", "model", "object", "type"), ids),
    ),
    "responses": some(
        type=kinds("responses", "response.completed", "response.failed", "error"),
        **dict.fromkeys(("item_id", "delta", "arguments"), ids),
        **dict.fromkeys(("output_index", "summary_index"), numbers),
        item=item,
        response=some(output=listed(item), status=ends, usage=counts, id=ids, error=some()),
    ),
    "messages": some(
        type=kinds("messages", "error", "ping"),
        index=numbers,
        message=some(id=ids, model=ids, usage=counts, content=listed(block)),
        content_block=block,
        delta=block | some(type=kinds("messages"), partial_json=arguments, stop_reason=ends),
        usage=counts,
        error=some(message=ids, type=ids),
    ),
    "ollama": some(
        message=said,
        done=st.booleans(),
        done_reason=ends,
        **dict.fromkeys(("prompt_eval_count", "eval_count"), numbers),
        **dict.fromkeys(("model", "error"), ids),
    ),
}


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    """Return a body of events that a server of this API might send, or almost."""
    mark = "" if name == "ollama" else "data: "
    ends = ("\n", "\r\n") if name == "ollama" else ("\n\n", "\r\n\r\n", "\r\r", "\n")
    frames = draw(st.lists(FRAMES[name], max_size=6))
    text = "".join(mark + json.dumps(frame) + draw(st.sampled_from(ends)) for frame in frames)
    return (text + draw(st.sampled_from(["", "data: [DONE]\n\n", "data: {", *PARTS]))).encode()


@pytest.mark.parametrize("name", WIRES)
def test_any_frames_are_read_alike_in_any_pieces_and_end_once(name: str) -> None:
    @settings(max_examples=5_000 if FULL else 500)
    @given(bodies(name))
    def run(body: bytes) -> None:
        judge(body, WIRES[name])

    run()


@pytest.mark.parametrize("name", WIRES)
def test_any_bytes_are_read_alike_in_any_pieces_and_end_once(name: str) -> None:
    parts = st.sampled_from([*PARTS, *WIRES[name].words]).map(lambda part: part.encode())

    @example(b"\xef<")  # not the byte order mark that it begins like
    @given(st.lists(st.one_of(parts, parts, st.binary(max_size=5)), max_size=40).map(b"".join))
    def run(body: bytes) -> None:
        judge(body, WIRES[name])

    run()


@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 14), reason="atheris is not made for this"
)
@pytest.mark.parametrize("name", WIRES)
def test_the_coverage_guided_fuzzer_finds_nothing(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    corpus, words = tmp_path / "corpus", tmp_path / "words.txt"
    corpus.mkdir()
    (corpus / "seed").write_bytes(SEEDS[name])
    known = [*WIRES[name].words, *PARTS]
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in known)
    words.write_text("".join(f'"{word}"\n' for word in quoted), "ascii")
    limits = [f"-atheris_runs={RUNS}", "-max_len=2000", "-timeout=20", "-rss_limit_mb=2048"]
    limits.append(f"-artifact_prefix={tmp_path}/")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *limits, "-seed=1", f"-dict={words}", corpus],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert f"Done {RUNS}" in done.stdout, done.stdout[-2_000:]
    record_property("proved", f"{RUNS:,} fuzzed bodies of {name}: 0 misread, 0 crashed")


SEEDS = {
    "chat": b'data: {"choices":[{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,'
    b'"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n",
    "responses": b'data: {"type":"response.output_item.added","output_index":0,"item":{"type":'
    b'"function_call","call_id":"c","name":"f"}}\n\ndata: {"type":"response.completed",'
    b'"response":{"status":"completed","usage":{"input_tokens":1}}}\n\n',
    "messages": b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text"}}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}\n\n'
    b'data: {"type":"message_stop"}\n\n',
    "ollama": b'{"message":{"content":"a"},"done":false}\n{"done":true,"done_reason":"stop"}\n',
}
