"""Revision 0001: foundation.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0001_foundation.sql")
