"""Revision 0016: reports count the payments whose refunds and disputes must be read anew.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0016_reconciled_money_back.sql")
