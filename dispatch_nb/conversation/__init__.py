"""The life of a conversation: single flight, storing at step borders, stop, subscribers."""
