"""Alembic's entry: runs the scripts on the connection that the caller handed over."""

from alembic import context

from aetherlink.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
