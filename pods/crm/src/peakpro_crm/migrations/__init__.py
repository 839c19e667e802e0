"""Alembic's environment and revisions; `schema` runs them."""
