"""The tables, as SQLAlchemy Core describes them; the migrations create them.

Times are integer microseconds since 1970 in UTC, except `mono_us`, which counts on a
clock that never jumps. JSON is text. Only types that PostgreSQL has as well are used.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..wire.base import mend_surrogates

__all__ = [
    "VERSIONS",
    "chunks",
    "conversations",
    "event_segments",
    "events",
    "images",
    "metadata",
    "queued_texts",
    "row_changes",
    "steps",
    "tool_calls",
    "turns",
]

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Every revision under `migrations`, oldest first; a store at another one is not ours to open."""

metadata = sa.MetaData()


class _FreeText(sa.types.TypeDecorator[str]):
    """Text from outside: what UTF-8 or PostgreSQL cannot hold becomes U+FFFD."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return mend_surrogates(value).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _conversation_id(*, primary_key: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(
        "conversation_id",
        sa.Text,
        sa.ForeignKey("conversations.conversation_id"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("title", _FreeText),
    sa.Column("system_prompt", _FreeText),
    sa.Column("model", _FreeText),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("forked_from_id", sa.Text),
    sa.Column("forked_at_seq", sa.Integer),
    sa.Column("tags_json", sa.Text),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("updated_us", sa.BigInteger, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("last_n", sa.BigInteger, nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),
    sa.Column("turn_count", sa.Integer, nullable=False),
)

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("turn_id", sa.Text, primary_key=True),
    _conversation_id(index=True),
    sa.Column("turn_index", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("prompt_text", _FreeText),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("finish_reason", _FreeText),
    sa.Column("abort_reason", _FreeText),
    sa.Column("started_us", sa.BigInteger, index=True),
    sa.Column("first_chunk_us", sa.BigInteger),
    sa.Column("completed_us", sa.BigInteger),
    sa.Column("sealed_us", sa.BigInteger),
    sa.Column("duration_ms", sa.Double),
    sa.Column("context_size", sa.BigInteger),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("cache_read_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("usage_source", sa.Text),
    sa.Column("is_lower_bound", sa.Boolean, nullable=False),
    sa.Column("cost_usd", sa.Double),
    sa.Column("error_type", _FreeText),
    sa.Column("error_message", _FreeText),
    sa.Column("params_json", sa.Text),
)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("step_id", sa.Text, primary_key=True),
    sa.Column("turn_id", sa.Text, nullable=False, index=True),
    _conversation_id(index=True),
    sa.Column("step_index", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("provider_name", _FreeText),
    sa.Column("request_model", _FreeText),
    sa.Column("response_model", _FreeText),
    sa.Column("response_id", _FreeText),
    sa.Column("finish_reason", _FreeText),
    sa.Column("raw_finish_reason", _FreeText),
    sa.Column("is_streaming", sa.Boolean),
    sa.Column("requested_us", sa.BigInteger),
    sa.Column("first_chunk_us", sa.BigInteger),
    sa.Column("completed_us", sa.BigInteger),
    sa.Column("ttft_ms", sa.Double),
    sa.Column("decode_ms", sa.Double),
    sa.Column("gen_total_ms", sa.Double),
    sa.Column("delta_count", sa.Integer),
    sa.Column("chunk_count", sa.Integer),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("cache_read_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("usage_source", sa.Text),
    sa.Column("is_lower_bound", sa.Boolean, nullable=False),
    sa.Column("usage_json", sa.Text),
    sa.Column("cost_usd", sa.Double),
    sa.Column("price_ref", sa.Text),
    sa.Column("input_usd", sa.Double),
    sa.Column("cache_read_usd", sa.Double),
    sa.Column("cache_write_usd", sa.Double),
    sa.Column("output_usd", sa.Double),
    sa.Column("reasoning_usd", sa.Double),
    sa.Column("cache_saved_usd", sa.Double),
    sa.Column("server_address", _FreeText),
    sa.Column("temperature", sa.Double),
    sa.Column("top_p", sa.Double),
    sa.Column("max_tokens", sa.BigInteger),
    sa.Column("seed", sa.BigInteger),
    sa.Column("http_status", sa.Integer),
    sa.Column("error_type", _FreeText),
    sa.Column("error_message", _FreeText),
    sa.Column("request_hash", sa.Text),
    sa.Column("reported_output_tokens", sa.BigInteger),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _conversation_id(primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("turn_id", sa.Text, nullable=False, index=True),
    sa.Column("step_id", sa.Text),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("message_index", sa.Integer, nullable=False),
    sa.Column("chunk_index", sa.Integer, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("chunk_type", sa.Text, nullable=False),
    sa.Column("chunk_json", sa.Text, nullable=False),
    sa.Column("text", _FreeText),
    sa.Column("tool_call_id", _FreeText),
    sa.Column("tool_name", _FreeText),
    sa.Column("input_json", sa.Text),
    sa.Column("content", _FreeText),
    sa.Column("is_error", sa.Boolean),
    sa.Column("error_code", _FreeText),
    sa.Column("started_us", sa.BigInteger),
    sa.Column("completed_us", sa.BigInteger),
    sa.Column("delta_count", sa.Integer),
    sa.Column("is_interrupted", sa.Boolean, nullable=False),
    sa.Column("detail_json", sa.Text),
)

tool_calls = sa.Table(
    "tool_calls",
    metadata,
    _conversation_id(primary_key=True),
    sa.Column("call_seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tool_call_id", _FreeText, nullable=False),
    sa.Column("turn_id", sa.Text, nullable=False, index=True),
    sa.Column("step_id", sa.Text),
    sa.Column("result_seq", sa.Integer),
    sa.Column("tool_name", _FreeText, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_synthetic", sa.Boolean, nullable=False),
    sa.Column("approval", sa.Text),
    sa.Column("requested_us", sa.BigInteger),
    sa.Column("approved_us", sa.BigInteger),
    sa.Column("started_us", sa.BigInteger),
    sa.Column("completed_us", sa.BigInteger),
    sa.Column("duration_ms", sa.Double),
    sa.Column("approval_wait_ms", sa.Double),
    sa.Column("error_type", _FreeText),
    sa.Column("error_message", _FreeText),
    sa.Column("result_bytes", sa.BigInteger),
)

events = sa.Table(
    "events",
    metadata,
    _conversation_id(primary_key=True),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("turn_id", sa.Text),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("mono_us", sa.BigInteger, nullable=False),
    sa.Column("event_json", sa.Text, nullable=False),
)

event_segments = sa.Table(
    "event_segments",
    metadata,
    _conversation_id(primary_key=True),
    sa.Column("first_n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_n", sa.BigInteger, nullable=False),
    sa.Column("turn_id", sa.Text, nullable=False, index=True),
    sa.Column("codec", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
"""The events of sealed turns; those of a turn that runs are rows of `events`."""

queued_texts = sa.Table(
    "queued_texts",
    metadata,
    _conversation_id(primary_key=True),
    sa.Column("queued_id", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("text", _FreeText, nullable=False),
    sa.Column("queued_ms", sa.BigInteger, nullable=False),
    sa.Column("is_kept", sa.Boolean, nullable=False),
)
"""What the person typed and no model has got yet: it waits for a turn, or is kept."""

images = sa.Table(
    "images",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("mime_type", sa.Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""Every image of a person's messages, once, by the SHA-256 of its bytes."""

row_changes = sa.Table(
    "row_changes",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("table_name", "row"),
    sqlite_autoincrement=True,
)
"""The rowids of rows that changed after they were added, the latest change last.

SQLite's triggers write it, so no writer can forget to. ``deleted`` says that rows are gone.
"""
