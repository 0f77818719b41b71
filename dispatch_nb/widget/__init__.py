"""The chat in a notebook: traits and messages in and out, no decisions of its own."""
