"""Recorded answers of real servers, where they are at hand.

Most recordings are not part of this repository. The folder that holds them is named by the
environment variable DISPATCH_NB_STREAMS, or stands beside the checkout as `*/streams`. Any
body in it, at any depth, is found by the note beside it: `NAME.json` with its `wire` and
what is `expected` of it, or `NAME.meta.json` with a plain `fold` of what a server sent. The
captures that `servers/capture.py` made are in `captures/`, in the second of these forms.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dispatch_nb.engine.contracts import ProviderEvent
from dispatch_nb.providers.answer import Answer, Decoder, Reader

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1, 2, 3, 7, 64, 1 << 30)
CAPTURES = Path(__file__).parent / "captures"
NOT_RUN = "recorded streams: not run"
# The status is not noted beside a captured error, but its file is named by what it is.
_STATUS = {"429": 429, "ratelimit": 429, "500": 500, "boom": 500, "overload": 529, "ctx": 400}
_KINDS = {
    "anthropic": "anthropic-messages",
    "chat": "openai-chat",
    "responses": "openai-responses",
    "ollama": "ollama-chat",
}


@dataclass(frozen=True)
class Recording:
    """One body and what it says; `usage` and `errors` are as the server sent them.

    `counts` is the usage under common names, where a note has it.
    """

    body: bytes
    result: dict[str, Any]
    usage: dict[str, Any] | None
    errors: list[dict[str, Any]]
    terminator: str | None
    counts: dict[str, int] | None = None


@dataclass(frozen=True)
class RecordedError:
    """An HTTP error answer, and what it means."""

    status: int
    headers: dict[str, str]
    body: str
    expected: dict[str, Any]


def folder() -> Path | None:
    """Return the folder of the recordings, or None where there is none."""
    named = os.environ.get("DISPATCH_NB_STREAMS")
    if named:
        return Path(named) if Path(named).is_dir() else None
    return next((path.parent for path in ROOT.parent.glob("*/streams/errors")), None)


def recordings(wire: str) -> list[Any]:
    """Return the recordings of a wire format as the parameters of a test."""
    place = folder()
    found = [
        pytest.param(recording, id=name)
        for each in filter(None, (CAPTURES, place))
        for path in sorted(each.rglob("*.json"))
        for name, recording in _recording(path, wire)
    ]
    return found if place is not None else [*found, _absent()]


def captured_errors(wire: str) -> list[Any]:
    """Return the error answers that servers were seen to give, as the parameters of a test."""
    place = folder()
    if place is None:
        return [_absent()]
    found = []
    for path in sorted(place.rglob("*.body.json")):
        kind, _, name = path.name.removesuffix(".body.json").partition("-")
        status = next((code for word, code in _STATUS.items() if word in name), None)
        if _KINDS.get(kind) == wire and status is not None:
            body = path.read_text(encoding="utf-8")
            said = {"message": json.loads(body)["error"]["message"], "retryable": status != 400}
            error = RecordedError(status, {"content-type": "application/json"}, body, said)
            found.append(pytest.param(error, id=f"{path.parent.name}-{kind}-{name}"))
    return found


def recorded_errors(wire: str) -> list[Any]:
    """Return the recorded error answers of a wire format as the parameters of a test."""
    place = folder()
    if place is None:
        return [_absent()]
    lines = (place / "errors" / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        pytest.param(
            RecordedError(note["status"], note["headers"], note["body"], note["expected"]),
            id=f"{note['status']}-{number}",
        )
        for number, note in enumerate(map(json.loads, lines))
        if (note["provider"] == "api.anthropic.com") is (wire == "anthropic-messages")
    ]


def read(recording: Recording, reader: Reader, decoder: Decoder, size: int) -> list[ProviderEvent]:
    """Return the events of a body that comes in pieces of `size` bytes."""
    answer = Answer("the server", reader, decoder)
    body = recording.body
    events: list[ProviderEvent] = []
    for start in range(0, len(body), size):
        events += answer.feed(body[start : start + size])
    return events + answer.flush()


def _absent() -> Any:
    reason = f"{NOT_RUN} (DISPATCH_NB_STREAMS names no folder, and none is at hand)"
    return pytest.param(None, marks=pytest.mark.skip(reason=reason), id="none")


def _recording(path: Path, wire: str) -> Iterator[tuple[str, Recording]]:
    note = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(note, dict):
        return
    if note.get("wire") == wire and "expected" in note:
        body = path.with_name(Path(note["file"]).name).read_bytes()
        expected = note["expected"]
        yield (
            path.stem,
            Recording(
                body,
                expected["results"][0],
                expected.get("usage_raw"),
                expected["errors"],
                expected["terminator"],
                expected["usage"],
            ),
        )
    elif path.name.endswith(".meta.json") and _KINDS.get(path.name.partition("-")[0]) == wire:
        name = path.name.removesuffix(".meta.json")
        for body_path in path.parent.glob(f"{name}.*"):
            if body_path.suffix != ".json":
                recording = _captured(body_path.read_bytes(), note.get("fold"))
                if recording is not None:
                    yield f"{path.parent.name}-{name}", recording


def _captured(body: bytes, fold: dict[str, Any] | None) -> Recording | None:
    """Return a body that a server sent, with what a plain fold made of it."""
    if fold is None:
        errors = [line[6:] for line in body.splitlines() if line.startswith(b'data: {"error"')]
        if not errors:
            return None
        return Recording(body, {}, None, [json.loads(error)["error"] for error in errors], None)
    result = fold["choices"][0] if "choices" in fold else fold
    terminator = fold.get("terminator")
    if "terminator" not in fold and result["finish_reason"] is not None:
        terminator = f"response.{result['finish_reason']}"
    return Recording(body, result, fold["usage"], fold["errors"], terminator)
