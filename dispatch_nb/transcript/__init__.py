"""The transcript: pure reducers over events and history, and what is read from their states.

Nothing here knows a clock, randomness, ids, I/O or a view. `js/src/transcript` mirrors
this room file by file, and both pass the same vectors.
"""
