"""Revision 0014: reports of reconciliations, and what is unexplained.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0014_reconciliations.sql")
