"""Import of Inspect AI's logs: a sample becomes a conversation, a model event a step."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import FrameError
from ..frames.request import require
from ..wire.conversation import (
    Chunk,
    ImageChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
)
from .imported import Imported, ImportedStep, ImportedTurn, add_to_store, as_microseconds

__all__ = ["import_inspect"]

_ZSTANDARD = 93


def import_inspect(store: object, path: str | os.PathLike[str]) -> list[str]:
    """Add the samples of an Inspect AI log, or of a folder of logs, to a store.

    Parameters
    ----------
    store
        A `Store`, or the path of one.
    path
        A ``.eval`` or ``.json`` log, or a folder that holds some.

    Returns
    -------
    list of str
        The conversations' ids, which name the run, the sample and the epoch.

    Raises
    ------
    FrameError
        If there is no log, or a file is none that can be read.
    StoreError
        If a sample was imported before.
    """
    place = Path(path)
    logs = sorted([*place.glob("*.eval"), *place.glob("*.json")]) if place.is_dir() else [place]
    if not place.exists() or not logs:
        what = "no log of Inspect AI (.eval or .json) in" if place.exists() else "no file or folder"
        raise FrameError(f"There is {what} {place}.")
    return [each for log in logs for each in add_to_store(store, _conversations(log))]


def _conversations(log: Path) -> Iterator[Imported]:
    try:
        yield from (_conversation(header, sample) for header, sample in _samples(log))
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FrameError(
            f"{log} cannot be read as a log of Inspect AI: {error!r}. If it is one, convert it "
            "with `inspect log convert --to json --output-dir DIR FILE` and import that."
        ) from error


def _samples(log: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    if log.suffix == ".eval":
        with zipfile.ZipFile(log) as archive:
            header = json.loads(_member(log, archive, "header.json"))
            for name in sorted(archive.namelist()):
                if name.startswith("samples/") and name.endswith(".json"):
                    yield header["eval"], json.loads(_member(log, archive, name))
    else:
        whole = json.loads(log.read_text("utf-8"))
        for sample in whole["samples"] or ():
            yield whole["eval"], sample


def _member(log: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a file of a zip archive, also one that is compressed in a way Python learnt late."""
    info = archive.getinfo(name)
    if info.compress_type != _ZSTANDARD:
        return archive.read(name)
    require("pyarrow", "parquet", "A log that is compressed with Zstandard")
    import pyarrow as pa

    with log.open("rb") as file:
        file.seek(info.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        file.seek(info.header_offset + 30 + name_length + extra_length)
        packed = file.read(info.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        data: bytes = stream.read()
    return data


def _conversation(header: Mapping[str, Any], sample: Mapping[str, Any]) -> Imported:
    run = header.get("run_id") or header.get("eval_id") or header["created"]
    made = Imported(
        conversation_id=f"{run}/{sample['id']}/{sample['epoch']}",
        title=f"{header['task']} {sample['id']}",
        model=header["model"],
        tags_json=json.dumps({"log": "inspect", "task": header["task"]}),
    )
    attachments = sample.get("attachments") or {}
    asked = _model_events(sample)
    has_events = bool(asked)
    for message in sample["messages"]:
        chunks = [_resolved(chunk, attachments) for chunk in _chunks(message)]
        if message["role"] == "system" and not made.turns:
            made.system = "".join(chunk.text for chunk in chunks if chunk.type == "text")
        elif message["role"] == "user":
            made.turns.append(ImportedTurn(chunks))
        elif message["role"] == "tool":
            _last(made).results += chunks
        elif message["role"] == "assistant":
            step = ImportedStep(chunks)
            event = asked.pop(message.get("id"), None)
            if event is not None:
                step.known = _measured(event)
            # An answer that no model gave was part of the sample.
            step.asked = event is not None or not has_events
            if not made.turns:
                made.turns.append(ImportedTurn([]))
            made.turns[-1].steps.append(step)
    # Answers that are in no message, such as those of a call that was made again, were paid too.
    for event in asked.values():
        if not made.turns:
            made.turns.append(ImportedTurn([]))
        step = ImportedStep(known=_measured(event), error=event.get("error"))
        made.turns[-1].steps.append(step)
    _place_in_time(made, sample)
    return made


def _model_events(sample: Mapping[str, Any]) -> dict[Any, dict[str, Any]]:
    """Return the events of the model's calls by the id of the message they gave."""
    found: dict[Any, dict[str, Any]] = {}
    for number, event in enumerate(sample.get("events") or ()):
        if event["event"] == "model":
            choices = (event.get("output") or {}).get("choices") or [{}]
            answer = (choices[0].get("message") or {}).get("id")
            found[answer or number] = event
    return found


def _measured(event: Mapping[str, Any]) -> dict[str, Any]:
    output = event.get("output") or {}
    usage = output.get("usage") or {}
    choices = output.get("choices") or [{}]
    started, ended = _moment(event.get("timestamp")), _moment(event.get("completed"))
    spent = output.get("time") or event.get("working_time")
    config = event.get("config") or {}
    known = {
        "provider_name": str(event["model"]).partition("/")[0],
        "request_model": event["model"],
        "response_model": output.get("model"),
        "raw_finish_reason": choices[0].get("stop_reason"),
        "requested_us": started,
        "completed_us": ended,
        "gen_total_ms": None if spent is None else spent * 1000.0,
        "temperature": config.get("temperature"),
        "top_p": config.get("top_p"),
        "max_tokens": config.get("max_tokens"),
        "seed": config.get("seed"),
    }
    if usage:
        read, written = usage.get("input_tokens_cache_read"), usage.get("input_tokens_cache_write")
        known |= {
            # Inspect counts what a cache held or took apart.
            "input_tokens": usage["input_tokens"] + (read or 0) + (written or 0),
            "output_tokens": usage["output_tokens"],
            "cache_read_tokens": read,
            "cache_write_tokens": written,
            "reasoning_tokens": usage.get("reasoning_tokens"),
            "usage_json": json.dumps(usage),
        }
    return known


def _place_in_time(made: Imported, sample: Mapping[str, Any]) -> None:
    moments = [
        moment
        for turn in made.turns
        for step in turn.steps
        for moment in (step.known.get("requested_us"), step.known.get("completed_us"))
        if moment is not None
    ]
    made.created_us = _moment(sample.get("started_at")) or (min(moments) if moments else None)
    for turn in made.turns:
        known = [step.known for step in turn.steps]
        turn.started_us = next(
            (each["requested_us"] for each in known if "requested_us" in each), None
        )
        turn.completed_us = next(
            (each["completed_us"] for each in reversed(known) if "completed_us" in each), None
        )
    failed = sample.get("error")
    if failed and made.turns:
        made.turns[-1].status = "error"
        made.turns[-1].error = failed.get("message") if isinstance(failed, dict) else str(failed)


def _moment(text: str | None) -> int | None:
    return None if text is None else as_microseconds(datetime.fromisoformat(text).timestamp())


def _last(made: Imported) -> ImportedStep:
    if not made.turns:
        made.turns.append(ImportedTurn([]))
    if not made.turns[-1].steps:
        made.turns[-1].steps.append(ImportedStep())
    return made.turns[-1].steps[-1]


def _chunks(message: Mapping[str, Any]) -> list[Chunk]:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if message["role"] == "tool":
        failed = message.get("error")
        said = "".join(part.get("text", "") for part in parts)
        return [
            ToolResultChunk(
                tool_call_id=message["tool_call_id"],
                tool_name=message.get("function") or "tool",
                content=said or (failed or {}).get("message", ""),
                is_error=failed is not None,
            )
        ]
    chunks: list[Chunk] = []
    for part in parts:
        match part["type"]:
            case "text":
                if part["text"]:
                    chunks.append(TextChunk(text=part["text"]))
            case "reasoning":
                chunks.append(ThinkingChunk(text=part.get("summary") or part["reasoning"]))
            case "image":
                chunks.append(ImageChunk(url=part["image"]))
            case kind:
                chunks.append(TextChunk(text=f"[{kind}]"))
    for call in message.get("tool_calls") or ():
        chunks.append(
            ToolCallChunk(
                tool_call_id=call["id"], tool_name=call["function"], input=call["arguments"]
            )
        )
    return chunks


def _resolved(chunk: Chunk, attachments: Mapping[str, str]) -> Chunk:
    """Return a chunk with the long texts that Inspect keeps beside its messages."""
    for name in ("text", "content", "url"):
        value = getattr(chunk, name, None)
        if isinstance(value, str) and value.startswith("attachment://"):
            found = attachments.get(value.removeprefix("attachment://"), value)
            return chunk.model_copy(update={name: found})
    return chunk
