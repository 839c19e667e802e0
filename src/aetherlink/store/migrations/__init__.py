"""Alembic's scripts; `run.upgrade` brings a database to the newest of them."""
