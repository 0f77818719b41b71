"""Columns of the frame of turns."""

from __future__ import annotations

from .columns import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    TEXT,
    TIME,
    TURN_STATUSES,
    USAGE_SOURCES,
    Column,
    FrameSpec,
)
from .sums import COST, STEP_SUMS, between, cost_columns, timed, token_columns

__all__ = ["TURNS"]

_OUTPUT = """(SELECT GROUP_CONCAT(text, CHAR(10, 10)) FROM (
    SELECT text FROM chunks
    WHERE chunks.conversation_id = turns.conversation_id AND chunks.turn_id = turns.turn_id
        AND role = 'assistant' AND chunk_type = 'text' ORDER BY seq))"""

TURNS = FrameSpec(
    name="turns",
    row="one turn: a prompt and all that came of it",
    columns=(
        Column("turn_id", TEXT, "turns.turn_id", "Its id"),
        Column("conversation_id", TEXT, "turns.conversation_id", "Its conversation"),
        Column("turn_index", INTEGER, "turns.turn_index", "Its place in the conversation"),
        Column("run_id", TEXT, "turns.run_id", "The sweep it belongs to"),
        Column("prompt_text", TEXT, "turns.prompt_text", "What the person asked"),
        Column(
            "output_text",
            TEXT,
            None,
            "What the assistant said; a blank line between chunks",
            ("turn_id",),
            _OUTPUT,
        ),
        Column("status", TURN_STATUSES, "turns.status", "How it stands"),
        Column("abort_reason", TEXT, "turns.abort_reason", "Why it was stopped"),
        Column("started_at", TIME, "turns.started_us", "When the message was taken"),
        Column("first_chunk_at", TIME, "turns.first_chunk_us", "When the first delta came"),
        Column("completed_at", TIME, "turns.completed_us", "When the model loop ended"),
        Column("sealed_at", TIME, "turns.sealed_us", "When everything was stored"),
        Column(
            "duration_s",
            FLOAT,
            timed("turns.duration_ms", "turns.completed_us", "turns.started_us"),
            "From start to the loop's end: the engine's own measure, else by the two times",
        ),
        Column(
            "time_to_first_chunk_s",
            FLOAT,
            between("turns.first_chunk_us", "turns.started_us"),
            "Wait for a delta: first_chunk_at - started_at",
        ),
        Column(
            "tool_time_s", FLOAT, "called.tool_ms / 1000.0", "Own runs of its tool calls, summed"
        ),
        Column(
            "approval_wait_s",
            FLOAT,
            "called.wait_ms / 1000.0",
            "Waits of its tool calls for a person, summed; no part of tool_time_s",
        ),
        Column("model_time_s", FLOAT, "used.model_ms / 1000.0", "Its model requests, summed"),
        Column(
            "queue_time_s",
            FLOAT,
            between("used.first_requested_us", "turns.started_us"),
            "From start to the first request",
        ),
        Column("step_count", INTEGER, "COALESCE(used.step_count, 0)", "Model requests"),
        Column("tool_call_count", INTEGER, "COALESCE(log.call_count, 0)", "Stored tool calls"),
        Column(
            "steer_count",
            INTEGER,
            "COALESCE(log.steer_count, 0)",
            "Messages of the person after the prompt",
        ),
        Column("first_seq", INTEGER, "log.first_seq", "seq of its first chunk"),
        Column("last_seq", INTEGER, "log.last_seq", "seq of its last stored chunk"),
        *token_columns("COALESCE(used.{0}, turns.{0})"),
        *cost_columns(f"COALESCE(used.cost_usd, {COST.format(table='turns')})"),
        Column(
            "usage_source",
            USAGE_SOURCES,
            "COALESCE(turns.usage_source, used.usage_source)",
            "Who counted the tokens",
        ),
        Column(
            "is_lower_bound",
            BOOLEAN,
            "(turns.is_lower_bound OR turns.status = 'running'"
            " OR COALESCE(used.has_open_step, 0) = 1)",
            "Whether more tokens were used than are counted here: "
            "it runs, was cut off, or a step has no usage",
        ),
        Column("error_type", TEXT, "turns.error_type", "Kind of the failure that ended it"),
        Column("error_message", TEXT, "turns.error_message", "Its words"),
        Column("params_json", TEXT, "turns.params_json", "What was chosen for it, as JSON"),
    ),
    tables=(
        f"""FROM turns
        LEFT JOIN ({STEP_SUMS}) used ON used.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, MIN(seq) AS first_seq, MAX(seq) AS last_seq,
                SUM(CASE WHEN chunk_type = 'tool-call' THEN 1 ELSE 0 END) AS call_count,
                COUNT(DISTINCT CASE WHEN role = 'user' THEN message_id END)
                    - MAX(CASE WHEN role = 'user' THEN 1 ELSE 0 END) AS steer_count
            FROM chunks WHERE {{chunks}} AND seq <= :upto GROUP BY turn_id
        ) log ON log.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, SUM(duration_ms) AS tool_ms,
                SUM(COALESCE(approval_wait_ms, (approved_us - requested_us) / 1000.0)) AS wait_ms
            FROM tool_calls WHERE {{tool_calls}} AND call_seq <= :upto GROUP BY turn_id
        ) called ON called.of_turn = turns.turn_id
        WHERE {{turns}} ORDER BY {{turns_order}}"""
    ),
)
