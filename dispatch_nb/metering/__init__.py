"""What steps add up to, read from a store and kept up to date by its new rows."""

from .meter import Figures, UsageMeter

__all__ = ["Figures", "UsageMeter"]
