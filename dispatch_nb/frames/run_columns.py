"""Columns of the frames about runs: conversations, turns, steps, usage."""

from __future__ import annotations

from . import derive
from .columns import (
    BOOLEAN,
    CONVERSATION_SOURCES,
    FINISH_REASONS,
    FLOAT,
    INTEGER,
    TEXT,
    TIME,
    TOKEN_TYPES,
    TURN_STATUSES,
    USAGE_SOURCES,
    Column,
    FrameSpec,
)

__all__ = ["CONVERSATIONS", "STEPS", "TURNS", "USAGE"]

_COST = "CAST({table}.cost_usd AS DOUBLE PRECISION)"

# Tokens of a turn: what its steps reported; the turn's own numbers only where it has no step.
_STEP_SUMS = """
    SELECT turn_id AS of_turn, COUNT(*) AS step_count, MIN(requested_us) AS first_requested_us,
        SUM(COALESCE(gen_total_ms, (completed_us - requested_us) / 1000.0)) AS model_ms,
        SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens,
        SUM(cache_read_tokens) AS cache_read_tokens,
        SUM(cache_write_tokens) AS cache_write_tokens,
        SUM(reasoning_tokens) AS reasoning_tokens,
        SUM(CAST(cost_usd AS DOUBLE PRECISION)) AS cost_usd,
        CASE WHEN MIN(usage_source) = MAX(usage_source) THEN MIN(usage_source) END
            AS usage_source,
        MAX(CASE WHEN is_lower_bound OR input_tokens IS NULL THEN 1 ELSE 0 END) AS has_open_step
    FROM steps WHERE {steps} GROUP BY turn_id
"""

_TURN_TOKENS = f"""
    SELECT turns.conversation_id AS of_conversation, COUNT(*) AS turn_count,
        SUM(COALESCE(used.step_count, 0)) AS step_count,
        SUM(COALESCE(used.input_tokens, turns.input_tokens)) AS input_tokens,
        SUM(COALESCE(used.output_tokens, turns.output_tokens)) AS output_tokens,
        SUM(COALESCE(used.cache_read_tokens, turns.cache_read_tokens)) AS cache_read_tokens,
        SUM(COALESCE(used.cache_write_tokens, turns.cache_write_tokens)) AS cache_write_tokens,
        SUM(COALESCE(used.reasoning_tokens, turns.reasoning_tokens)) AS reasoning_tokens,
        SUM(COALESCE(used.cost_usd, CAST(turns.cost_usd AS DOUBLE PRECISION))) AS cost_usd
    FROM turns LEFT JOIN ({_STEP_SUMS}) used ON used.of_turn = turns.turn_id
    WHERE {{turns}} GROUP BY turns.conversation_id
"""


def _tokens(source: str) -> tuple[Column, ...]:
    """Return the token columns that steps, turns and conversations share, read by `source`."""
    return (
        Column(
            "input_tokens",
            INTEGER,
            source.format("input_tokens"),
            "Tokens of the whole prompt, cached ones included",
        ),
        Column(
            "uncached_input_tokens",
            INTEGER,
            derive.uncached_input_tokens,
            "Tokens of the prompt that no cache held and none took",
        ),
        Column(
            "output_tokens",
            INTEGER,
            source.format("output_tokens"),
            "Tokens that the model produced, reasoning included",
        ),
        Column(
            "cache_read_tokens",
            INTEGER,
            source.format("cache_read_tokens"),
            "The part of the input that came from a cache",
        ),
        Column(
            "cache_write_tokens",
            INTEGER,
            source.format("cache_write_tokens"),
            "The part of the input that was put into a cache",
        ),
        Column(
            "reasoning_tokens",
            INTEGER,
            source.format("reasoning_tokens"),
            "The part of the output that was thought, not said",
        ),
        Column("total_tokens", INTEGER, derive.total_tokens, "Input and output together"),
    )


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
        Column("chunk_count", INTEGER, "COALESCE(log.chunk_count, 0)", "Stored chunks"),
        Column("tool_call_count", INTEGER, "COALESCE(log.call_count, 0)", "Tool calls"),
        Column("models", TEXT, None, "Models that answered, in order of first use, by comma"),
        *_tokens("used.{}"),
        Column("cost_usd", FLOAT, "used.cost_usd", "Cost of all steps in US dollars"),
        Column("last_seq", INTEGER, "COALESCE(log.last_seq, 0)", "seq of the last chunk, or 0"),
        Column("tags_json", TEXT, "conversations.tags_json", "Tags as JSON"),
    ),
    tables=(
        f"""FROM conversations
        LEFT JOIN ({_TURN_TOKENS}) used
            ON used.of_conversation = conversations.conversation_id
        LEFT JOIN (
            SELECT conversation_id AS of_conversation, COUNT(*) AS chunk_count,
                SUM(CASE WHEN chunk_type = 'tool-call' THEN 1 ELSE 0 END) AS call_count,
                MAX(seq) AS last_seq
            FROM chunks WHERE {{chunks}} AND seq <= :upto GROUP BY conversation_id
        ) log ON log.of_conversation = conversations.conversation_id
        WHERE {{conversations}}
        ORDER BY conversations.created_us, conversations.conversation_id"""
    ),
)

TURNS = FrameSpec(
    name="turns",
    row="one turn: a prompt and all that came of it",
    columns=(
        Column("turn_id", TEXT, "turns.turn_id", "Its id"),
        Column("conversation_id", TEXT, "turns.conversation_id", "Its conversation"),
        Column("turn_index", INTEGER, "turns.turn_index", "Its place in the conversation"),
        Column("run_id", TEXT, "turns.run_id", "The sweep it belongs to"),
        Column("prompt_text", TEXT, "turns.prompt_text", "What the person asked"),
        Column("output_text", TEXT, None, "What the assistant said; a blank line between chunks"),
        Column("status", TURN_STATUSES, "turns.status", "How it stands"),
        Column("abort_reason", TEXT, "turns.abort_reason", "Why it was stopped"),
        Column("started_at", TIME, "turns.started_us", "When the message was taken"),
        Column("first_chunk_at", TIME, "turns.first_chunk_us", "When the first delta came"),
        Column("completed_at", TIME, "turns.completed_us", "When the model loop ended"),
        Column("sealed_at", TIME, "turns.sealed_us", "When everything was stored"),
        Column("duration_s", FLOAT, derive.turn_duration_s, "From start to the loop's end"),
        Column("time_to_first_chunk_s", FLOAT, derive.time_to_first_chunk_s, "Wait for a delta"),
        Column("tool_time_s", FLOAT, derive.tool_time_s, "Own runs of its tool calls, summed"),
        Column("model_time_s", FLOAT, derive.model_time_s, "Its model requests, summed"),
        Column("queue_time_s", FLOAT, derive.queue_time_s, "From start to the first request"),
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
        *_tokens("COALESCE(used.{0}, turns.{0})"),
        Column(
            "cost_usd",
            FLOAT,
            f"COALESCE(used.cost_usd, {_COST.format(table='turns')})",
            "Cost of its steps in US dollars",
        ),
        Column(
            "usage_source",
            USAGE_SOURCES,
            "COALESCE(turns.usage_source, used.usage_source)",
            "Who counted the tokens",
        ),
        Column(
            "is_lower_bound",
            BOOLEAN,
            derive.turn_is_lower_bound,
            "Whether more tokens were used than are counted here",
        ),
        Column("error_type", TEXT, "turns.error_type", "Kind of the failure that ended it"),
        Column("error_message", TEXT, "turns.error_message", "Its words"),
        Column("params_json", TEXT, "turns.params_json", "What was chosen for it, as JSON"),
    ),
    inputs=(
        Column("duration_ms", FLOAT, "turns.duration_ms", ""),
        Column("tool_ms", FLOAT, "called.tool_ms", ""),
        Column("model_ms", FLOAT, "used.model_ms", ""),
        Column("first_requested_at", TIME, "used.first_requested_us", ""),
        Column("is_lower_bound_stored", BOOLEAN, "turns.is_lower_bound", ""),
        Column("has_open_step", BOOLEAN, "used.has_open_step", ""),
    ),
    tables=(
        f"""FROM turns
        LEFT JOIN ({_STEP_SUMS}) used ON used.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, MIN(seq) AS first_seq, MAX(seq) AS last_seq,
                SUM(CASE WHEN chunk_type = 'tool-call' THEN 1 ELSE 0 END) AS call_count,
                COUNT(DISTINCT CASE WHEN role = 'user' THEN message_id END)
                    - MAX(CASE WHEN role = 'user' THEN 1 ELSE 0 END) AS steer_count
            FROM chunks WHERE {{chunks}} AND seq <= :upto GROUP BY turn_id
        ) log ON log.of_turn = turns.turn_id
        LEFT JOIN (
            SELECT turn_id AS of_turn, SUM(duration_ms) AS tool_ms
            FROM tool_calls WHERE {{tool_calls}} AND call_seq <= :upto GROUP BY turn_id
        ) called ON called.of_turn = turns.turn_id
        WHERE {{turns}} ORDER BY turns.conversation_id, turns.turn_index"""
    ),
)

STEPS = FrameSpec(
    name="steps",
    row="one model request of a turn",
    columns=(
        Column("step_id", TEXT, "steps.step_id", "Its id"),
        Column("turn_id", TEXT, "steps.turn_id", "Its turn"),
        Column("conversation_id", TEXT, "steps.conversation_id", "Its conversation"),
        Column("step_index", INTEGER, "steps.step_index", "Its place in the turn"),
        Column("attempt", INTEGER, "steps.attempt", "Which try this was"),
        Column("provider_name", TEXT, "steps.provider_name", "Who was asked"),
        Column("request_model", TEXT, "steps.request_model", "The model that was asked for"),
        Column("response_model", TEXT, "steps.response_model", "The model that answered"),
        Column("response_id", TEXT, "steps.response_id", "The provider's id of the answer"),
        Column("finish_reason", FINISH_REASONS, derive.finish_reason, "Why the answer ended"),
        Column(
            "raw_finish_reason",
            TEXT,
            "COALESCE(steps.raw_finish_reason, steps.finish_reason)",
            "The same in the provider's own word",
        ),
        Column("is_streaming", BOOLEAN, "steps.is_streaming", "Whether the answer was streamed"),
        Column("requested_at", TIME, "steps.requested_us", "When the request went out"),
        Column("first_chunk_at", TIME, "steps.first_chunk_us", "When the first delta came"),
        Column("completed_at", TIME, "steps.completed_us", "When the answer had ended"),
        Column("duration_s", FLOAT, derive.step_duration_s, "From request to end"),
        Column(
            "time_to_first_chunk_s", FLOAT, derive.step_time_to_first_chunk_s, "Wait for a delta"
        ),
        Column(
            "time_per_output_chunk_s", FLOAT, derive.time_per_output_chunk_s, "Mean gap of deltas"
        ),
        Column("output_tokens_per_s", FLOAT, derive.output_tokens_per_s, "Speed once it spoke"),
        Column("delta_count", INTEGER, "steps.delta_count", "Deltas that came"),
        Column("chunk_count", INTEGER, "steps.chunk_count", "Chunks they made"),
        *_tokens("steps.{}"),
        Column("cost_usd", FLOAT, _COST.format(table="steps"), "Cost in US dollars"),
        Column("price_ref", TEXT, "steps.price_ref", "The price list behind the cost"),
        Column("usage_source", USAGE_SOURCES, "steps.usage_source", "Who counted the tokens"),
        Column(
            "is_lower_bound",
            BOOLEAN,
            "steps.is_lower_bound",
            "Whether more tokens were used than are counted here",
        ),
        Column("temperature", FLOAT, "steps.temperature", "Sampling temperature asked for"),
        Column("top_p", FLOAT, "steps.top_p", "Nucleus sampling bound asked for"),
        Column("max_tokens", INTEGER, "steps.max_tokens", "Longest answer asked for"),
        Column("seed", INTEGER, "steps.seed", "Seed asked for"),
        Column("http_status", INTEGER, "steps.http_status", "Status of the HTTP answer"),
        Column("error_type", TEXT, "steps.error_type", "Kind of its failure"),
        Column("error_message", TEXT, "steps.error_message", "Its words"),
        Column("request_hash", TEXT, "steps.request_hash", "Equal for equal requests"),
    ),
    inputs=(
        Column("ttft_ms", FLOAT, "steps.ttft_ms", ""),
        Column("decode_ms", FLOAT, "steps.decode_ms", ""),
        Column("gen_total_ms", FLOAT, "steps.gen_total_ms", ""),
    ),
    tables="""FROM steps LEFT JOIN turns ON turns.turn_id = steps.turn_id
        WHERE {steps}
        ORDER BY steps.conversation_id, turns.turn_index, steps.step_index, steps.attempt""",
)

USAGE = FrameSpec(
    name="usage",
    row="one kind of token of one step; cache rows are parts of input, reasoning of output",
    columns=(
        Column("conversation_id", TEXT, None, "The step's conversation"),
        Column("turn_id", TEXT, None, "The step's turn"),
        Column("step_id", TEXT, None, "The step"),
        Column("model", TEXT, None, "The model that answered, else the one asked for"),
        Column("token_type", TOKEN_TYPES, None, "Which tokens"),
        Column("tokens", INTEGER, None, "How many; kinds nobody counted have no row"),
        Column("cost_usd", FLOAT, None, "Cost in US dollars, where known by kind of token"),
    ),
)
