"""Columns of the frames about runs: conversations, turns, steps, usage."""

from __future__ import annotations

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
        SUM(cache_saved_usd) AS cache_saved_usd,
        SUM(CASE WHEN cost_usd IS NULL THEN 1 ELSE 0 END) AS unpriced_step_count,
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
        SUM(COALESCE(used.cost_usd, CAST(turns.cost_usd AS DOUBLE PRECISION))) AS cost_usd,
        SUM(used.cache_saved_usd) AS cache_saved_usd,
        SUM(COALESCE(used.unpriced_step_count, 0)) AS unpriced_step_count
    FROM turns LEFT JOIN ({_STEP_SUMS}) used ON used.of_turn = turns.turn_id
    WHERE {{turns}} GROUP BY turns.conversation_id
"""


def _tokens(source: str) -> tuple[Column, ...]:
    """Return the token columns that steps, turns and conversations share, read by `source`."""
    given = {
        "input_tokens": "Tokens of the whole prompt, cached ones included",
        "uncached_input_tokens": "Tokens of the prompt that no cache held and none took: "
        "input_tokens - cache_read_tokens - cache_write_tokens, absent counts as 0",
        "output_tokens": "Tokens that the model produced, reasoning included",
        "cache_read_tokens": "The part of the input that came from a cache",
        "cache_write_tokens": "The part of the input that was put into a cache",
        "reasoning_tokens": "The part of the output that was thought, not said",
        "total_tokens": "input_tokens + output_tokens",
    }
    own = {name: source.format(name) for name in given}
    sums = {
        "uncached_input_tokens": f"{own['input_tokens']} - COALESCE({own['cache_read_tokens']}, 0)"
        f" - COALESCE({own['cache_write_tokens']}, 0)",
        "total_tokens": f"{own['input_tokens']} + {own['output_tokens']}",
    }
    return tuple(
        Column(name, INTEGER, sums.get(name, own[name]), meaning) for name, meaning in given.items()
    )


_SAVED = (
    "What the input would have cost more without a cache; below 0 where writing it cost more "
    "than reading it saved"
)


def _sums(own_cost: str) -> tuple[Column, ...]:
    """Return what turns and conversations tell of the cost of their steps."""
    return (
        Column(
            "cost_usd",
            FLOAT,
            own_cost,
            "Cost in US dollars of the steps that have a price, `<NA>` where none has",
        ),
        Column("cache_saved_usd", FLOAT, "used.cache_saved_usd", _SAVED),
        Column(
            "unpriced_step_count",
            INTEGER,
            "COALESCE(used.unpriced_step_count, 0)",
            "Steps whose cost is not known: with any, cost_usd is less than all cost",
        ),
    )


def _between(later: str, earlier: str) -> str:
    """Return the seconds from one column in microseconds to another."""
    return f"({later} - {earlier}) / 1000000.0"


def _timed(measured_ms: str, later: str, earlier: str) -> str:
    """Return the engine's own measure in seconds, else the seconds between two times."""
    return f"COALESCE({measured_ms} / 1000.0, {_between(later, earlier)})"


_STEP_S = _timed("steps.gen_total_ms", "steps.completed_us", "steps.requested_us")
_DECODE_S = _timed("steps.decode_ms", "steps.completed_us", "steps.first_chunk_us")
_SPEAKING_S = f"CASE WHEN {_DECODE_S} > 0 THEN {_DECODE_S} ELSE {_STEP_S} END"

# What providers call their reasons, in the words of the frames.
_REASONS = {
    "stop": ("stop", "end_turn", "stop_sequence", "completed", "eos"),
    "length": ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"),
    "tool_call": (
        *("tool_call", "tool_calls", "tool-call", "tool-calls", "tool_use", "function_call"),
    ),
    "content_filter": ("content_filter", "content-filter", "safety", "refusal"),
    "error": ("error",),
    "aborted": ("aborted", "interrupted", "cancelled"),
}
_RAW_REASON = "COALESCE(steps.raw_finish_reason, steps.finish_reason)"
_REASON = " ".join(
    [
        f"CASE LOWER({_RAW_REASON})",
        *(f"WHEN '{word}' THEN '{reason}'" for reason, words in _REASONS.items() for word in words),
        "END",
    ]
)


# Seqs have no gaps, so the last one counts the chunks.
_LAST_SEQ = "CASE WHEN conversations.last_seq > :upto THEN :upto ELSE conversations.last_seq END"
_MODELS = """(SELECT GROUP_CONCAT(model, ', ') FROM (
    SELECT COALESCE(response_model, request_model) AS model FROM steps
    WHERE steps.conversation_id = conversations.conversation_id
        AND COALESCE(response_model, request_model) IS NOT NULL
    GROUP BY 1 ORDER BY MIN(steps.rowid)))"""
_OUTPUT = """(SELECT GROUP_CONCAT(text, CHAR(10, 10)) FROM (
    SELECT text FROM chunks
    WHERE chunks.conversation_id = turns.conversation_id AND chunks.turn_id = turns.turn_id
        AND role = 'assistant' AND chunk_type = 'text' ORDER BY seq))"""

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
        *_tokens("used.{}"),
        *_sums("used.cost_usd"),
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
            _timed("turns.duration_ms", "turns.completed_us", "turns.started_us"),
            "From start to the loop's end: the engine's own measure, else by the two times",
        ),
        Column(
            "time_to_first_chunk_s",
            FLOAT,
            _between("turns.first_chunk_us", "turns.started_us"),
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
            _between("used.first_requested_us", "turns.started_us"),
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
        *_tokens("COALESCE(used.{0}, turns.{0})"),
        *_sums(f"COALESCE(used.cost_usd, {_COST.format(table='turns')})"),
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
        LEFT JOIN ({_STEP_SUMS}) used ON used.of_turn = turns.turn_id
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
        Column("finish_reason", FINISH_REASONS, _REASON, "Why the answer ended"),
        Column("raw_finish_reason", TEXT, _RAW_REASON, "The same in the provider's own word"),
        Column("is_streaming", BOOLEAN, "steps.is_streaming", "Whether the answer was streamed"),
        Column("requested_at", TIME, "steps.requested_us", "When the request went out"),
        Column("first_chunk_at", TIME, "steps.first_chunk_us", "When the first delta came"),
        Column("completed_at", TIME, "steps.completed_us", "When the answer had ended"),
        Column(
            "duration_s",
            FLOAT,
            _STEP_S,
            "From request to end: the engine's own measure, else by the two times",
        ),
        Column(
            "time_to_first_chunk_s",
            FLOAT,
            _timed("steps.ttft_ms", "steps.first_chunk_us", "steps.requested_us"),
            "Wait for a delta: the engine's own measure, else by the two times",
        ),
        Column(
            "time_per_output_chunk_s",
            FLOAT,
            f"CASE WHEN steps.delta_count > 1 THEN {_DECODE_S} / (steps.delta_count - 1) END",
            "Mean gap of deltas: the time after the first one over the number of further ones",
        ),
        Column(
            "output_tokens_per_s",
            FLOAT,
            f"CASE WHEN {_SPEAKING_S} > 0 THEN steps.output_tokens / ({_SPEAKING_S}) END",
            "Speed once it spoke: output_tokens over the time after the first delta, "
            "else over duration_s",
        ),
        Column("delta_count", INTEGER, "steps.delta_count", "Deltas that came"),
        Column("chunk_count", INTEGER, "steps.chunk_count", "Chunks they made"),
        *_tokens("steps.{}"),
        Column(
            "cost_usd",
            FLOAT,
            _COST.format(table="steps"),
            "Cost in US dollars when it ended: input_usd + output_usd, and what a few providers "
            "ask for the request itself; `<NA>` where it is not known",
        ),
        Column("input_usd", FLOAT, "steps.input_usd", "Cost of input_tokens, by their kinds"),
        Column("cache_read_usd", FLOAT, "steps.cache_read_usd", "Its part for cache_read_tokens"),
        Column(
            "cache_write_usd", FLOAT, "steps.cache_write_usd", "Its part for cache_write_tokens"
        ),
        Column("output_usd", FLOAT, "steps.output_usd", "Cost of output_tokens"),
        Column("reasoning_usd", FLOAT, "steps.reasoning_usd", "Its part for reasoning_tokens"),
        Column("cache_saved_usd", FLOAT, "steps.cache_saved_usd", _SAVED),
        Column(
            "price_ref",
            TEXT,
            "steps.price_ref",
            "The price list behind the cost, with its version, or `own: …`; "
            "where there is no cost, `unknown: ` and why",
        ),
        Column(
            "server_address",
            TEXT,
            "steps.server_address",
            "Origin of the server that was asked, if it is not the provider's own",
        ),
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
    tables="""FROM steps WHERE {steps} AND {models}
        ORDER BY {steps_order}""",
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
        Column("cost_usd", FLOAT, None, "What these tokens cost in US dollars, where known"),
    ),
)
