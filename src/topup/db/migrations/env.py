"""How alembic connects: over the connection that topup.db.migrate hands it, never on its own.

There are no models to compare with; every revision is plain SQL.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], target_metadata=None, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
