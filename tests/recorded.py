"""Recorded answers of real servers, where they are at hand.

The recordings are not part of this repository. The folder that holds them is named by the
environment variable DISPATCH_NB_STREAMS, or stands beside the checkout as `*/streams`. Any
body in it, at any depth, is found by the note beside it: `NAME.json` with its `wire` and
what is `expected` of it, or `NAME.meta.json` with a plain `fold` of what a server sent here.
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
_KINDS = {
    "anthropic": "anthropic-messages",
    "chat": "openai-chat",
    "responses": "openai-responses",
    "ollama": "ollama-chat",
}


@dataclass(frozen=True)
class Recording:
    """One body and what it says; `usage` and `errors` are as the server sent them."""

    body: bytes
    result: dict[str, Any]
    usage: dict[str, Any] | None
    errors: list[dict[str, Any]]
    terminator: str | None


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
        return Path(named)
    return next((path.parent for path in ROOT.parent.glob("*/streams/errors")), None)


def recordings(wire: str) -> list[Any]:
    """Return the recordings of a wire format as the parameters of a test."""
    place = folder()
    if place is None:
        return [_absent()]
    return [
        pytest.param(recording, id=name)
        for path in sorted(place.rglob("*.json"))
        for name, recording in _recording(path, wire)
    ]


def recorded_errors(provider: str) -> list[Any]:
    """Return the recorded error answers of a provider's host as the parameters of a test."""
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
        if note["provider"] == provider
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
    reason = "no recorded streams at hand (DISPATCH_NB_STREAMS)"
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
                expected["usage_raw"],
                expected["errors"],
                expected["terminator"],
            ),
        )
    elif "fold" in note and _KINDS.get(path.name.partition("-")[0]) == wire:
        name = path.name.removesuffix(".meta.json")
        (body_path,) = [p for p in path.parent.glob(f"{name}.*") if p.suffix != ".json"]
        fold = note["fold"]
        yield (
            f"{path.parent.name}-{name}",
            Recording(
                body_path.read_bytes(), fold, fold["usage"], fold["errors"], fold["terminator"]
            ),
        )
