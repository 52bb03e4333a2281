"""Revision 0006: outbox.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0006_outbox.sql")
