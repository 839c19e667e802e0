"""The store: SQLAlchemy Core on SQLite, one class an aggregate, one writer thread, Alembic migrations."""
