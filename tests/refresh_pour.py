"""Many turns for a store at once, for tests that count what they cost."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from dispatch_nb.store import CommitStamp, EventRow, StepRow, Store, TurnRow
from dispatch_nb.wire.conversation import TextChunk, ToolCallChunk, ToolResultChunk
from dispatch_nb.wire.events import TextDeltaEvent, TurnSealedEvent, UserMessageEvent
from tests.refresh_parts import said


def pour(store: Store, id: str, first: int, turns: int) -> None:
    """Add turns to a conversation without waiting for each row: 12 chunks a turn."""
    n, now_us = store.last_n(id), 1_800_000_000_000_000
    waiting: list[Future[Any]] = []

    def stamp() -> tuple[int, int, int]:
        nonlocal n
        n += 1
        return n, now_us + n * 1_000, n * 1_000

    for number in range(first, first + turns):
        turn_id = f"{id}-t{number}"
        at: dict[str, Any] = {"conversation_id": id, "turn_id": turn_id}
        waiting.append(store.begin_turn(TurnRow(turn_id, id, prompt_text="go", started_us=now_us)))
        prompt = EventRow(*stamp(), UserMessageEvent(text="go", **at))
        waiting.append(store.append_events(id, [prompt]))
        waiting.append(
            store.append_chunks(
                id, [said("user", TextChunk(text="go"))], turn_id=turn_id, step_id=None,
                event=CommitStamp(*stamp()),
            )
        )  # fmt: skip
        for part in range(2):
            step_id = f"{turn_id}-s{part}"
            events = [EventRow(*stamp(), TextDeltaEvent(delta="word ", **at)) for _ in range(3)]
            waiting.append(store.append_events(id, events))
            calls = [
                ToolCallChunk(tool_call_id=f"{step_id}-{each}", tool_name="add", input={"a": each})
                for each in range(2)
            ]
            results = [
                ToolResultChunk(tool_call_id=call.tool_call_id, tool_name="add", content="3",
                                is_error=False)
                for call in calls
            ]  # fmt: skip
            row = StepRow(
                step_id, turn_id, id, part, response_model="m", input_tokens=9, output_tokens=3,
                usage_source="reported", cost_usd=0.1, requested_us=now_us,
            )  # fmt: skip
            waiting.append(
                store.append_chunks(
                    id, [said("assistant", TextChunk(text="word " * 3), *calls),
                         said("tool", *results)],
                    turn_id=turn_id, step_id=step_id, event=CommitStamp(*stamp()), step=row,
                )
            )  # fmt: skip
        ending = EventRow(*stamp(), TurnSealedEvent(**at))
        waiting.append(store.finish_turn(turn_id, status="completed", sealed_us=now_us))
        waiting.append(store.append_events(id, [ending]))
    for future in waiting:
        future.result()
    store.compact(id).result()
