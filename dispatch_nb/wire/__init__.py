"""The contract as pydantic models: no I/O, no clock, no ambient state."""
