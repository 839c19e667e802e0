"""Alembic's entry: runs the revisions on the connection that `schema.migrate` hands over.

Called by Alembic only. It opens no connection and reads no settings of its own.
"""

from alembic import context

from peakpro_crm.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
