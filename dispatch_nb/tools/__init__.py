"""Tools: what a model may call, from plain Python functions."""

from .function import FunctionTool, function_tool

__all__ = ["FunctionTool", "function_tool"]
