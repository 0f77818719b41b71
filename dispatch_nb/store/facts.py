"""What a person asks about one message: when, by whom, how many tokens, how fast, how dear."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import MISSING

from ..wire.conversation import Usage
from ..wire.view import AnswerFacts, Meter
from . import schema

__all__ = ["answer_facts", "meter", "stops"]

_chunks = schema.chunks
_turns = schema.turns
_steps = schema.steps


def answer_facts(
    connection: sa.Connection, conversation_id: str, first_seq: int, last_seq: int
) -> AnswerFacts | None:
    """Return the facts of the steps that chunks `first_seq` … `last_seq` are of.

    None if no such chunk is stored. For a prompt, which is of no step, only the time is known.
    """
    chunks = connection.execute(
        sa.select(_chunks.c.turn_id, _chunks.c.step_id, _chunks.c.started_us).where(
            _chunks.c.conversation_id == conversation_id,
            _chunks.c.seq.between(first_seq, last_seq),
        )
    ).all()
    if not chunks:
        return None
    steps = connection.execute(
        sa.select(_steps)
        .where(_steps.c.step_id.in_({chunk.step_id for chunk in chunks if chunk.step_id}))
        .order_by(_steps.c.step_index)
    ).all()
    started = connection.scalar(
        sa.select(sa.func.min(_turns.c.started_us)).where(
            _turns.c.turn_id.in_({chunk.turn_id for chunk in chunks})
        )
    )
    times = [chunk.started_us for chunk in chunks if chunk.started_us is not None]
    times = times or [step.first_chunk_us for step in steps if step.first_chunk_us is not None]
    at_us = min(times, default=started)
    return AnswerFacts(
        at_ms=MISSING if at_us is None else at_us / 1000,
        model=_newest(steps, "response_model") or _newest(steps, "request_model") or MISSING,
        steps=len(steps),
        usage=_usage(steps),
        reasoning_tokens=_total(steps, "reasoning_tokens"),
        is_lower_bound=any(step.is_lower_bound for step in steps),
        cost_usd=_total(steps, "cost_usd"),
        ttft_ms=MISSING if not steps or steps[0].ttft_ms is None else steps[0].ttft_ms,
        tokens_per_second=_pace(steps),
        generated_ms=_total(steps, "gen_total_ms"),
    )


def meter(connection: sa.Connection, conversation_id: str) -> Meter:
    """Return how full the context is, and what the newest turn and the conversation cost."""
    own = _turns.c.conversation_id == conversation_id
    newest = connection.execute(
        sa.select(_turns.c.turn_id, _turns.c.context_size)
        .where(own)
        .order_by(_turns.c.turn_index.desc())
        .limit(1)
    ).one_or_none()
    size = connection.scalar(
        sa.select(_turns.c.context_size)
        .where(own, _turns.c.context_size > 0)
        .order_by(_turns.c.turn_index.desc())
        .limit(1)
    )
    costs = sa.select(sa.func.sum(_steps.c.cost_usd))
    of_turn = None
    if newest is not None:
        of_turn = connection.scalar(costs.where(_steps.c.turn_id == newest.turn_id))
    of_all = connection.scalar(costs.where(_steps.c.conversation_id == conversation_id))
    return Meter(
        context_size=MISSING if size is None else size,
        turn_cost_usd=MISSING if of_turn is None else of_turn,
        cost_usd=MISSING if of_all is None else of_all,
    )


def stops(connection: sa.Connection, conversation_id: str) -> list[int]:
    """Return the `seq` of the last chunk of each turn that was stopped, the newest 100 of them."""
    last = sa.func.max(_chunks.c.seq)
    found = connection.scalars(
        sa.select(last)
        .join(_turns, _turns.c.turn_id == _chunks.c.turn_id)
        .where(_chunks.c.conversation_id == conversation_id, _turns.c.status == "aborted")
        .group_by(_chunks.c.turn_id)
        .order_by(last.desc())
        .limit(100)
    )
    return sorted(found)


def _newest(steps: Any, column: str) -> str | None:
    return next((value for step in reversed(steps) if (value := getattr(step, column))), None)


def _total(steps: Any, column: str) -> Any:
    values = [value for step in steps if (value := getattr(step, column)) is not None]
    return sum(values) if values else MISSING


def _usage(steps: Any) -> Usage | MISSING:
    if _total(steps, "input_tokens") is MISSING:
        missing: MISSING = MISSING
        return missing
    return Usage(
        input_tokens=_total(steps, "input_tokens"),
        output_tokens=_total(steps, "output_tokens"),
        cache_read_tokens=_total(steps, "cache_read_tokens"),
        cache_write_tokens=_total(steps, "cache_write_tokens"),
    )


def _pace(steps: Any) -> float | MISSING:
    """Return output tokens for each second of decoding, over the steps that tell both."""
    told = [step for step in steps if step.decode_ms and step.output_tokens]
    decoded = sum(step.decode_ms for step in told)
    return sum(step.output_tokens for step in told) / decoded * 1000 if decoded > 0 else MISSING
