"""The columns of the frame of models."""

from __future__ import annotations

from .columns import BOOLEAN, FLOAT, INTEGER, TEXT, Column, FrameSpec

__all__ = ["MODELS"]

_PRICE = "US dollars for a million tokens"
MODELS = FrameSpec(
    name="models",
    row="one model",
    columns=(
        Column("provider", TEXT, None, "What stands before the colon of its full name"),
        Column("model", TEXT, None, "What stands after it"),
        Column("name", TEXT, None, "What its makers call it"),
        Column("context_window", INTEGER, None, "Tokens that fit"),
        Column("max_output", INTEGER, None, "Tokens that one answer may have"),
        Column("input_usd_per_mtok", FLOAT, None, f"{_PRICE} of input"),
        Column("cache_read_usd_per_mtok", FLOAT, None, f"{_PRICE} that a cache held"),
        Column("cache_write_usd_per_mtok", FLOAT, None, f"{_PRICE} that a cache took"),
        Column("output_usd_per_mtok", FLOAT, None, f"{_PRICE} of output"),
        Column("is_listed", BOOLEAN, None, "Whether the server itself lists it, if it was asked"),
        Column("is_deprecated", BOOLEAN, None, "Whether its provider is about to end it"),
        Column("price_ref", TEXT, None, "Where the prices are from"),
    ),
)
