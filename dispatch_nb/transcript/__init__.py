"""The transcript: pure reducers over events and history, and what is read from their states.

One fold, one entry for stored chunks and one set of selectors serve every reader:

==================  ========================================================================
what arrives        what takes it
==================  ========================================================================
an event            `fold_live`, or `fold_event` for those of the contract alone
stored chunks       `sync_history`: a tail, a page, the whole; `from_snapshot` for a snapshot
a turn's events     `begin_replay`, before the first of them
once more
an own prompt       `append_user_message`; its own event claims it, `reject_echo` takes it back
to be shown         `select_chunks`, `select_messages`
==================  ========================================================================

They are exact where events say what is stored, as in our own log, of which the widget and the
frames are readers: such a state begins with `initial_live` (`told.py`). Towards a foreign
backend, which says nothing, they find it out by comparison: such a state begins with
`initial_state` (`sync.py`). `apply_history` is the contract's own rule, which its vectors pin;
nothing here is shown by it.

Nothing here knows a clock, randomness, ids, I/O or a view. `js/src/transcript` mirrors
this room file by file, and both pass the same vectors.
"""
