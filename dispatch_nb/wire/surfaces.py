"""Surfaces: typed descriptions of a server's state and actions, not of a user interface.

Source: the Dispatch wire contract, section 4.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import MISSING, Field

from .base import Json, Number, Text, WireModel

__all__ = [
    "ActionRef",
    "ButtonField",
    "CustomField",
    "NumberField",
    "ProgressField",
    "SelectorField",
    "StatField",
    "SurfaceCatalogEntry",
    "SurfaceField",
    "SurfaceOption",
    "SurfaceSpec",
    "SurfaceUpdate",
    "ToggleField",
]


class ActionRef(WireModel):
    """Which action a field invokes."""

    action_id: Text


class SurfaceOption(WireModel):
    """One choice of a selector."""

    value: Text
    label: Text


class ToggleField(WireModel):
    """A switch; invoking it sends the new boolean."""

    kind: Literal["toggle"] = "toggle"
    label: Text
    value: bool
    action: ActionRef


class ProgressField(WireModel):
    """A share between 0 and 1."""

    kind: Literal["progress"] = "progress"
    label: Text
    value: Number


class SelectorField(WireModel):
    """One value out of several; invoking it sends the chosen value."""

    kind: Literal["selector"] = "selector"
    label: Text
    value: Text
    options: list[SurfaceOption]
    action: ActionRef


class StatField(WireModel):
    """A value to read."""

    kind: Literal["stat"] = "stat"
    label: Text
    value: Text


class ButtonField(WireModel):
    """An action without a value."""

    kind: Literal["button"] = "button"
    label: Text
    action: ActionRef


class CustomField(WireModel):
    """Data for a renderer that both ends know by id."""

    kind: Literal["custom"] = "custom"
    renderer_id: Text
    payload: Json


class NumberField(WireModel):
    """A number; invoking it sends the new one."""

    kind: Literal["number"] = "number"
    label: Text
    value: Number
    action: ActionRef
    min: Number | MISSING = MISSING
    max: Number | MISSING = MISSING
    step: Number | MISSING = MISSING
    unit: Text | MISSING = MISSING


SurfaceField = Annotated[
    ToggleField
    | ProgressField
    | SelectorField
    | StatField
    | ButtonField
    | CustomField
    | NumberField,
    Field(discriminator="kind"),
]


class SurfaceSpec(WireModel):
    """A whole surface; every update carries one."""

    id: Text
    region: Text
    title: Text
    fields: list[SurfaceField]


class SurfaceCatalogEntry(WireModel):
    """A surface that can be subscribed to; without `scope` it belongs to a conversation."""

    id: Text
    region: Text
    title: Text
    scope: Literal["global", "conversation"] | MISSING = MISSING


class SurfaceUpdate(WireModel):
    """The new spec of a subscribed surface."""

    surface_id: Text
    spec: SurfaceSpec
    conversation_id: Text | MISSING = MISSING
