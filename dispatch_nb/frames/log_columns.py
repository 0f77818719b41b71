"""Columns of the frames about the log: messages, chunks, tool calls, deltas."""

from __future__ import annotations

from . import derive
from .columns import (
    APPROVALS,
    BOOLEAN,
    CALL_STATUSES,
    CHUNK_TYPES,
    DELTA_TYPES,
    FLOAT,
    INTEGER,
    MESSAGE_STATES,
    ROLES,
    TEXT,
    TIME,
    Column,
    FrameSpec,
)

__all__ = ["CHUNKS", "DELTAS", "MESSAGES", "TOOL_CALLS"]

MESSAGES = FrameSpec(
    name="messages",
    row="one message: the prompt, steering, a step's answer, or one tool's result",
    columns=(
        Column("message_id", TEXT, None, "Its id; none while it is provisional"),
        Column("conversation_id", TEXT, None, "Its conversation"),
        Column("turn_id", TEXT, None, "Its turn"),
        Column("step_id", TEXT, None, "Its step; the prompt and steering have none"),
        Column("message_index", INTEGER, None, "Its place in the conversation, from 0"),
        Column("role", ROLES, None, "Who speaks"),
        Column("content", TEXT, None, "Its text chunks joined, or what the tool gave back"),
        Column("thinking", TEXT, None, "Its thinking chunks joined"),
        Column("tool_call_count", INTEGER, None, "Tool calls in it"),
        Column("tool_call_id", TEXT, None, "The call that a tool message answers"),
        Column("is_error", BOOLEAN, None, "Whether it holds an error or a failed result"),
        Column("state", MESSAGE_STATES, None, "Whether it is whole, broken off or still coming"),
        Column("first_seq", INTEGER, None, "seq of its first chunk"),
        Column("last_seq", INTEGER, None, "seq of its last chunk"),
        Column("created_at", TIME, None, "When its first chunk began"),
        Column(
            "char_count", INTEGER, derive.content_char_count, "Characters of content", ("content",)
        ),
        Column("is_steering", BOOLEAN, None, "Whether the person sent it into a running turn"),
    ),
)

_SAID = "COALESCE(chunks.text, chunks.content, chunks.input_json, '')"
_CHUNK = ("conversation_id", "seq")
_SAYS = ("text", "content", "input_json")

CHUNKS = FrameSpec(
    name="chunks",
    row="one chunk of the log; the running step's come last, without seq",
    columns=(
        Column("conversation_id", TEXT, "chunks.conversation_id", "Its conversation"),
        Column("seq", INTEGER, "chunks.seq", "Its place in the log: 1, 2, 3, … without gaps"),
        Column("turn_id", TEXT, "chunks.turn_id", "Its turn"),
        Column("step_id", TEXT, "chunks.step_id", "Its step; the prompt and steering have none"),
        Column("message_id", TEXT, "chunks.message_id", "Its message; none while provisional"),
        Column(
            "chunk_index",
            INTEGER,
            "chunks.chunk_index",
            "Its place in the message, from 0",
            bits=16,
        ),
        Column("role", ROLES, "chunks.role", "Who speaks"),
        Column("chunk_type", CHUNK_TYPES, "chunks.chunk_type", "What it is"),
        Column(
            "text",
            TEXT,
            "chunks.text",
            "Text, thought, injected text or an error's words",
            _CHUNK,
        ),
        Column("tool_call_id", TEXT, "chunks.tool_call_id", "The call it is or answers"),
        Column("tool_name", TEXT, "chunks.tool_name", "The tool of that call"),
        Column("input_json", TEXT, "chunks.input_json", "The input of a tool call, as JSON"),
        Column(
            "content",
            TEXT,
            "chunks.content",
            "What a tool gave back, or an image's address",
            _CHUNK,
        ),
        Column(
            "is_error",
            BOOLEAN,
            "chunks.is_error",
            "Whether a result, or the chunk itself, is an error",
        ),
        Column("error_code", TEXT, "chunks.error_code", "Code of an error"),
        Column("started_at", TIME, "chunks.started_us", "When its first delta came"),
        Column("completed_at", TIME, "chunks.completed_us", "When it was whole"),
        Column("delta_count", INTEGER, "chunks.delta_count", "Deltas it came in", bits=24),
        Column(
            "char_count",
            INTEGER,
            derive.char_count,
            "Characters of what it says",
            _SAYS,
            f"length({_SAID})",
        ),
        Column(
            "byte_count",
            INTEGER,
            derive.byte_count,
            "The same in UTF-8 bytes",
            _SAYS,
            f"length(CAST({_SAID} AS BLOB))",
        ),
        Column("is_partial", BOOLEAN, "FALSE", "Whether it is not stored yet, and may still grow"),
        Column("is_interrupted", BOOLEAN, "chunks.is_interrupted", "Whether it was broken off"),
    ),
    tables="FROM chunks WHERE {chunks} AND chunks.seq > :after AND chunks.seq <= :upto "
    "ORDER BY {chunks_order}",
    apart=(("text", "content", "input_json"), ("tool_name", "error_code")),
)

TOOL_CALLS = FrameSpec(
    name="tool_calls",
    row="one tool call and what became of it",
    columns=(
        Column("tool_call_id", TEXT, "tool_calls.tool_call_id", "Its id"),
        Column("conversation_id", TEXT, "tool_calls.conversation_id", "Its conversation"),
        Column("turn_id", TEXT, "tool_calls.turn_id", "Its turn"),
        Column("step_id", TEXT, "tool_calls.step_id", "Its step"),
        Column("call_seq", INTEGER, "tool_calls.call_seq", "seq of the call"),
        Column("result_seq", INTEGER, "answers.seq", "seq of the result"),
        Column("tool_name", TEXT, "tool_calls.tool_name", "The tool"),
        Column("arguments_json", TEXT, "calls.input_json", "What it was called with, as JSON"),
        Column(
            "result",
            TEXT,
            "answers.content",
            "What it gave back",
            ("conversation_id", "result_seq"),
        ),
        Column("status", CALL_STATUSES, "tool_calls.status", "How it stands"),
        Column(
            "is_synthetic",
            BOOLEAN,
            "tool_calls.is_synthetic",
            "Whether the result was put in for a call that never ended",
        ),
        Column("approval", APPROVALS, "tool_calls.approval", "What the person decided"),
        Column("requested_at", TIME, "tool_calls.requested_us", "When the model asked for it"),
        Column("approved_at", TIME, "tool_calls.approved_us", "When it was approved"),
        Column("started_at", TIME, "tool_calls.started_us", "When it began to run"),
        Column("completed_at", TIME, "tool_calls.completed_us", "When it had run"),
        Column(
            "duration_s",
            FLOAT,
            "COALESCE(tool_calls.duration_ms / 1000.0, "
            "(tool_calls.completed_us - tool_calls.started_us) / 1000000.0)",
            "Its own run as it was timed, else completed_at - started_at",
        ),
        Column(
            "approval_wait_s",
            FLOAT,
            "COALESCE(tool_calls.approval_wait_ms / 1000.0, "
            "(tool_calls.approved_us - tool_calls.requested_us) / 1000000.0)",
            "Wait for the person as it was timed, else approved_at - requested_at",
        ),
        Column("error_type", TEXT, "tool_calls.error_type", "Kind of its failure"),
        Column("error_message", TEXT, "tool_calls.error_message", "Its words"),
        Column("result_bytes", INTEGER, "tool_calls.result_bytes", "UTF-8 bytes of the result"),
    ),
    tables="""FROM tool_calls
        JOIN chunks AS calls ON calls.conversation_id = tool_calls.conversation_id
            AND calls.seq = tool_calls.call_seq
        LEFT JOIN chunks AS answers ON answers.conversation_id = tool_calls.conversation_id
            AND answers.seq = tool_calls.result_seq AND answers.seq <= :upto
        WHERE {tool_calls} AND tool_calls.call_seq <= :upto
        ORDER BY {tool_calls_order}""",
)

DELTAS = FrameSpec(
    name="deltas",
    row="one piece of text or thought as it arrived",
    columns=(
        Column("conversation_id", TEXT, None, "Its conversation"),
        Column("seq", INTEGER, None, "seq of the chunk it became part of; none until stored"),
        Column("delta_index", INTEGER, None, "Its place in the chunk, from 0"),
        Column("received_at", TIME, None, "When it arrived"),
        Column("t_s", FLOAT, None, "Time since the step's request; none until stored"),
        Column("gap_s", FLOAT, None, "Time since the delta before it in the same chunk"),
        Column("event_type", DELTA_TYPES, None, "Text or thought"),
        Column("text", TEXT, None, "The piece itself"),
        Column("char_count", INTEGER, derive.text_char_count, "Its characters", ("text",)),
    ),
)
