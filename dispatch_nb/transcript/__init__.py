"""The transcript: pure reducers over events and history, and what is read from their states.

One reducer, `fold_event`, and one set of selectors serve every reader. How stored chunks
join depends on what the backend tells:

====================  ===============================  ======================================
what arrives          our own log: events say what     a foreign backend: nothing says so
                      is stored, and with what `seq`
====================  ===============================  ======================================
an event              `fold_live`: `commit_chunks`     `fold_event`, after `begin_replay` at
                      where it says so, else           the first of a new connection
                      `fold_event`
stored chunks         `merge_history`                  `sync_history`
an own prompt         its `user-message`               `append_user_message`, `claim_echo`,
                                                       `reject_echo`
to be shown           `select_chunks`,                 the same
                      `select_messages`
====================  ===============================  ======================================

The widget and the frames are readers of our own log and use the middle column alone;
`live.py` holds it. The right column, `sync.py`, is offered to readers of other backends: it
finds out by comparison what the events of the middle one say. A state stays in one column.

Nothing here knows a clock, randomness, ids, I/O or a view. `js/src/transcript` mirrors
this room file by file, and both pass the same vectors.
"""
