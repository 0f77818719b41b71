"""Turns, steps and tools as async functions of plain inputs, with no I/O of their own."""
