"""Revision 0013: lots and accounts are written in place.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0013_lots.sql")
