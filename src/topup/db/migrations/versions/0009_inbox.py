"""Revision 0009: indexes for pruning the inbox and for counting accounts that need a look.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0009_inbox.sql")
