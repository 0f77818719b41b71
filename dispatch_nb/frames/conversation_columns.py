"""Columns of the frame of conversations."""

from __future__ import annotations

from .columns import CONVERSATION_SOURCES, FLOAT, INTEGER, TEXT, TIME, Column, FrameSpec
from .sums import COST, STEP_SUMS, cost_columns, token_columns

__all__ = ["CONVERSATIONS", "TURN_SUMS"]

# What of each turn a conversation adds up.
_OF_TURN = {
    "step_count": "COALESCE(used.step_count, 0)",
    **{
        name: f"COALESCE(used.{name}, turns.{name})"
        for name in (
            *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
            "reasoning_tokens",
        )
    },
    "cost_usd": f"COALESCE(used.cost_usd, {COST.format(table='turns')})",
    "cache_saved_usd": "used.cache_saved_usd",
    "unpriced_step_count": "COALESCE(used.unpriced_step_count, 0)",
}
_TURN_SUMS = ",\n        ".join(f"SUM({source}) AS {name}" for name, source in _OF_TURN.items())
_TURN_TOKENS = f"""
    SELECT turns.conversation_id AS of_conversation, COUNT(*) AS turn_count,
        {_TURN_SUMS}
    FROM turns LEFT JOIN ({STEP_SUMS}) used ON used.of_turn = turns.turn_id
    WHERE {{turns}} GROUP BY turns.conversation_id
"""

# Seqs have no gaps, so the last one counts the chunks.
_LAST_SEQ = "CASE WHEN conversations.last_seq > :upto THEN :upto ELSE conversations.last_seq END"
_MODELS = """(SELECT GROUP_CONCAT(model, ', ') FROM (
    SELECT COALESCE(response_model, request_model) AS model FROM steps
    WHERE steps.conversation_id = conversations.conversation_id
        AND COALESCE(response_model, request_model) IS NOT NULL
    GROUP BY 1 ORDER BY MIN(steps.rowid)))"""
CONVERSATIONS = FrameSpec(
    name="conversations",
    row="one conversation of the store",
    columns=(
        Column("conversation_id", TEXT, "conversations.conversation_id", "Its id"),
        Column("title", TEXT, "conversations.title", "Its title"),
        Column("created_at", TIME, "conversations.created_us", "When it was begun"),
        Column("updated_at", TIME, "conversations.updated_us", "When it last changed"),
        Column("source", CONVERSATION_SOURCES, "conversations.source", "Where it came from"),
        Column("forked_from_id", TEXT, "conversations.forked_from_id", "The one it branched from"),
        Column(
            "forked_at_seq", INTEGER, "conversations.forked_at_seq", "The last chunk they share"
        ),
        Column("turn_count", INTEGER, "COALESCE(used.turn_count, 0)", "Turns"),
        Column("step_count", INTEGER, "COALESCE(used.step_count, 0)", "Model requests"),
        Column("chunk_count", INTEGER, _LAST_SEQ, "Stored chunks"),
        Column("tool_call_count", INTEGER, "COALESCE(called.call_count, 0)", "Tool calls"),
        Column(
            "models",
            TEXT,
            None,
            "Models that answered, in order of first use, by comma",
            ("conversation_id",),
            _MODELS,
        ),
        *token_columns("used.{}"),
        *cost_columns("used.cost_usd"),
        Column("last_seq", INTEGER, _LAST_SEQ, "seq of the last chunk, or 0"),
        Column("tags_json", TEXT, "conversations.tags_json", "Tags as JSON"),
    ),
    tables=(
        f"""FROM conversations
        LEFT JOIN ({_TURN_TOKENS}) used
            ON used.of_conversation = conversations.conversation_id
        LEFT JOIN (
            SELECT conversation_id AS of_conversation, COUNT(*) AS call_count
            FROM tool_calls WHERE {{tool_calls}} AND call_seq <= :upto GROUP BY conversation_id
        ) called ON called.of_conversation = conversations.conversation_id
        WHERE {{conversations}}
        ORDER BY {{conversations_order}}"""
    ),
)

TURN_SUMS = FrameSpec(
    name="turns by conversation",
    row="what of one turn its conversation adds up",
    columns=(
        Column("conversation", INTEGER, "conversations.rowid", "The conversation's row"),
        *(
            Column(name, FLOAT if name.endswith("_usd") else INTEGER, source, "Of the turn")
            for name, source in _OF_TURN.items()
        ),
    ),
    tables=f"""FROM turns
        JOIN conversations ON conversations.conversation_id = turns.conversation_id
        LEFT JOIN ({STEP_SUMS}) used ON used.of_turn = turns.turn_id
        WHERE {{turns}} ORDER BY {{turns_order}}""",
)
