"""The store: SQLAlchemy Core on SQLite or PostgreSQL, one class an aggregate, one writer thread, Alembic migrations."""
