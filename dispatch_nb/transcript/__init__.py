"""The transcript: pure reducers over events and history, and what is read from their states.

Every view folds through `live.py` alone: there the events of our own conversations say what is
stored (`commit.py`). `sync.py` is for clients of a foreign backend, which lacks these events.

Nothing here knows a clock, randomness, ids, I/O or a view. `js/src/transcript` mirrors
this room file by file, and both pass the same vectors.
"""
