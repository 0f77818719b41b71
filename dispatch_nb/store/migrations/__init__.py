"""How a store file gets its tables: Alembic revisions, run when a store is opened."""
