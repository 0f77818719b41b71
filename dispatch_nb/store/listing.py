"""The conversations of a store, a page at a time, as a person looks for them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .rows import ListedRow
from .schema import conversations, steps, turns

__all__ = ["list_page"]


def list_page(
    connection: sa.Connection, words: str, *, offset: int, limit: int
) -> tuple[int, list[ListedRow]]:
    """Return how many conversations hold `words`, and some of them, newest first.

    Searched are titles, models and prompts; the sums are taken for the page alone.
    """
    holds = _holds(words)
    total = connection.scalar(sa.select(sa.func.count()).select_from(conversations).where(holds))
    page = (
        sa.select(conversations)
        .where(holds)
        .order_by(conversations.c.updated_us.desc(), conversations.c.conversation_id)
        .offset(offset)
        .limit(limit)
        .subquery()
    )
    of_page = steps.c.conversation_id == page.c.conversation_id
    tokens = sa.func.coalesce(steps.c.input_tokens, 0) + sa.func.coalesce(steps.c.output_tokens, 0)

    def over_steps(name: str, value: sa.ColumnElement[Any]) -> sa.Label[Any]:
        return sa.select(value).where(of_page).scalar_subquery().label(name)

    rows = connection.execute(
        sa.select(
            page.c.conversation_id,
            page.c.title,
            page.c.model,
            page.c.updated_us,
            page.c.turn_count,
            over_steps("tokens", sa.func.coalesce(sa.func.sum(tokens), 0)),
            over_steps("cost_usd", sa.func.sum(steps.c.cost_usd)),
            over_steps(
                "unpriced",
                sa.func.count(sa.case((sa.and_(steps.c.cost_usd.is_(None), tokens > 0), 1))),
            ),
        ).order_by(page.c.updated_us.desc(), page.c.conversation_id)
    )
    return int(total or 0), [ListedRow(**row._mapping) for row in rows]


def _holds(words: str) -> sa.ColumnElement[bool]:
    if not words.strip():
        return sa.true()
    prompts = sa.exists().where(
        turns.c.conversation_id == conversations.c.conversation_id,
        turns.c.prompt_text.icontains(words, autoescape=True),
    )
    return sa.or_(
        conversations.c.title.icontains(words, autoescape=True),
        conversations.c.model.icontains(words, autoescape=True),
        prompts,
    )
