"""The revisions, oldest first by name; a released one is never changed."""
