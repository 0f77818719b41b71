"""What conversations, turns and steps share: sums of tokens and money, and times."""

from __future__ import annotations

from .columns import FLOAT, INTEGER, Column

__all__ = ["COST", "SAVED", "STEP_SUMS", "between", "cost_columns", "timed", "token_columns"]

COST = "CAST({table}.cost_usd AS DOUBLE PRECISION)"

# Tokens of a turn: what its steps reported; the turn's own numbers only where it has no step.
STEP_SUMS = """
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


def token_columns(source: str) -> tuple[Column, ...]:
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


SAVED = (
    "What the input would have cost more without a cache; below 0 where writing it cost more "
    "than reading it saved"
)


def cost_columns(own_cost: str) -> tuple[Column, ...]:
    """Return what turns and conversations tell of the cost of their steps."""
    return (
        Column(
            "cost_usd",
            FLOAT,
            own_cost,
            "Cost in US dollars of the steps that have a price, `<NA>` where none has",
        ),
        Column("cache_saved_usd", FLOAT, "used.cache_saved_usd", SAVED),
        Column(
            "unpriced_step_count",
            INTEGER,
            "COALESCE(used.unpriced_step_count, 0)",
            "Steps whose cost is not known: with any, cost_usd is less than all cost",
        ),
    )


def between(later: str, earlier: str) -> str:
    """Return the seconds from one column in microseconds to another."""
    return f"({later} - {earlier}) / 1000000.0"


def timed(measured_ms: str, later: str, earlier: str) -> str:
    """Return the engine's own measure in seconds, else the seconds between two times."""
    return f"COALESCE({measured_ms} / 1000.0, {between(later, earlier)})"
