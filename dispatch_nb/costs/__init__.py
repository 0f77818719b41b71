"""What steps cost: filled in when a step ends, and worked out anew when asked."""

from .reprice import reprice
from .step import pricing

__all__ = ["pricing", "reprice"]
