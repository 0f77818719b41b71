"""What a client did, as JSON for the TypeScript functions, and the screens it led to."""

from __future__ import annotations

import json
import zlib
from typing import Any

from dispatch_nb.transcript.live import LiveState, fold_live, from_snapshot
from dispatch_nb.transcript.reducer import fold_event
from dispatch_nb.transcript.state import TranscriptState
from dispatch_nb.transcript.sync import (
    append_user_message,
    begin_replay,
    claim_echo,
    reject_echo,
    sync_history,
)
from dispatch_nb.transcript.trimming import trim_transcript
from dispatch_nb.wire.parse import parse_live_event, parse_stored_chunk, parse_view_message
from dispatch_nb.wire.view import SnapshotMessage
from tests.sync_client import Client
from tests.sync_screen import screen_of
from tests.sync_told_client import ToldClient


def apply(state: TranscriptState, op: dict[str, Any]) -> TranscriptState:
    """One operation of `tests/vectors/sync.jsonl` and of the recorded interleavings."""
    match op["op"]:
        case "fold":
            return fold_event(state, parse_live_event(op["event"]))
        case "begin_replay":
            return begin_replay(state, op["turnId"])
        case "sync":
            return sync_history(
                state,
                [parse_stored_chunk(chunk) for chunk in op["chunks"]],
                requested_after_seal=op.get("afterSeal", ()),
                requested_after_start=op.get("afterStart", ()),
                turn_ids={int(seq): name for seq, name in op.get("turnIds", {}).items()},
            )
        case "append":
            return append_user_message(
                state, op["text"], client_message_id=op.get("clientMessageId")
            )
        case "reject":
            return reject_echo(state, op["text"], client_message_id=op.get("clientMessageId"))
        case "claim":
            return claim_echo(state, op["clientMessageId"])
        case other:
            raise AssertionError(f"no operation: {other}")


def as_op(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """What `Client` did, in the vectors' form."""
    given = arguments[0]
    match name:
        case "fold":
            return {"op": name, "event": given.to_wire()}
        case "begin_replay":
            return {"op": name, "turnId": given}
        case "sync":
            return {
                "op": name,
                "chunks": [stored.to_wire() for stored in given],
                "afterSeal": options["requested_after_seal"],
                "afterStart": options["requested_after_start"],
                "turnIds": options.get("turn_ids", {}),
            }
        case _:
            return {"op": name, "text": given}


def apply_told(live: LiveState, op: dict[str, Any]) -> LiveState:
    """One operation of `tests/vectors/told.jsonl`."""
    state = live.transcript
    match op["op"]:
        case "fold_live":
            return fold_live(live, parse_live_event(op["event"]))
        case "snapshot":
            snapshot = parse_view_message(op["snapshot"])
            assert isinstance(snapshot, SnapshotMessage)
            return from_snapshot(snapshot, live)
        case "begin_replay":
            state = begin_replay(state, op["turnId"], first_seq=op.get("firstSeq"))
        case "sync":
            ids = op.get("clientMessageIds", {})
            state = sync_history(
                state,
                [parse_stored_chunk(chunk) for chunk in op["chunks"]],
                client_message_ids={int(seq): name for seq, name in ids.items()},
                is_page=op.get("isPage", False),
            )
        case "trim":
            state = trim_transcript(state, op["limit"])
        case "append":
            state = append_user_message(state, op["text"], client_message_id=op["clientMessageId"])
        case "reject":
            state = reject_echo(state, op["text"], client_message_id=op["clientMessageId"])
        case other:
            raise AssertionError(f"no operation: {other}")
    return live._replace(transcript=state)


def as_told_op(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """What `ToldClient` did, in a form of its own."""
    given = arguments[0]
    match name:
        case "fold_live":
            return {"op": name, "event": given.to_wire()}
        case "snapshot":
            return {"op": name, "snapshot": given.to_wire()}
        case "begin_replay":
            return {"op": name, "turnId": given, "firstSeq": options.get("first_seq")}
        case "sync":
            return {
                "op": name,
                "chunks": [stored.to_wire() for stored in given],
                "clientMessageIds": options.get("client_message_ids", {}),
                "isPage": options.get("is_page", False),
            }
        case "trim":
            return {"op": name, "limit": given}
        case _:
            return {"op": name, "text": given, "clientMessageId": options["client_message_id"]}


def screen_text(state: TranscriptState) -> str:
    return "\n".join(
        f"{'-' if seq is None else seq} {role} {key}" for seq, role, key in screen_of(state)
    )


def recorded(client: Client | ToldClient) -> str:
    """One line for the runner in `js/src/transcript/sync.replay.ts`."""
    is_told = isinstance(client, ToldClient)
    form = as_told_op if is_told else as_op
    ops = [form(name, arguments, options) for name, arguments, options, _ in client.done]
    screens = [zlib.crc32(screen_text(state).encode()) for *_, state in client.done]
    return json.dumps({"isTold": is_told, "ops": ops, "screens": screens})
