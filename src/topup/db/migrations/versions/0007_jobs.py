"""Revision 0007: the tables of procrastinate, which runs our timers.

Its schema comes with its package; a later release's changes become a revision here.
"""

from procrastinate import schema

from topup.db.migrations import steps

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Lay procrastinate's schema."""
    steps.execute(schema.SchemaManager.get_schema())
