"""Revision 0011: refunds, disputes, and what they take back.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0011_money_back.sql")
