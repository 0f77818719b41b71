"""Conversations as pandas DataFrames: typed also when empty, also during a turn.

Join keys: `conversation_id`, `turn_id`, `step_id`, then `seq` or `tool_call_id`.
"""

from .conversation_frame import conversations_frame
from .delta_frame import deltas_frame
from .latency_frame import latency_frame
from .log_frames import chunks_frame, tool_calls_frame
from .message_frame import messages_frame
from .request import FRAMES, Filters, read_frame
from .run_frames import steps_frame, turns_frame, usage_frame

__all__ = [
    "FRAMES",
    "Filters",
    "chunks_frame",
    "conversations_frame",
    "deltas_frame",
    "latency_frame",
    "messages_frame",
    "read_frame",
    "steps_frame",
    "tool_calls_frame",
    "turns_frame",
    "usage_frame",
]
