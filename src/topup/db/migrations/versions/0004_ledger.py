"""Revision 0004: ledger.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0004_ledger.sql")
