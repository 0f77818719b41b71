"""The functions that the scripted provider's tests offer it."""

from __future__ import annotations

from typing import Any, Literal

from dispatch_nb.tools import function_tool


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return a * b


def divide(a: float, b: float) -> float:
    """Divide one number by another."""
    return a / b


def weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, Any]:
    """Tell the current weather of a city."""
    return {"sky": "sunny", "degrees": 19 if unit == "celsius" else 66}


def word_count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def roll_dice(count: int = 1, sides: int = 6) -> int:
    """Roll dice."""
    return count * sides


def current_time() -> str:
    """Tell the time."""
    return "12:00"


def mean(values: list[float]) -> float:
    """Return the mean of some values."""
    return sum(values) / len(values)


def convert_currency(amount: float, source: str, target: str) -> float:
    """Convert money."""
    return amount


def forecast(city: str, days: int) -> str:
    """Foretell the weather."""
    return f"{days} days of rain"


def calculate(expression: str) -> str:
    """Evaluate arithmetic."""
    return expression


MATHS = [function_tool(f) for f in (add, multiply, divide)]
FORESEEING = [function_tool(forecast), function_tool(calculate)]
TOOLS = [
    *MATHS,
    *(function_tool(f) for f in (weather, word_count, roll_dice, current_time, mean)),
    function_tool(convert_currency),
]
