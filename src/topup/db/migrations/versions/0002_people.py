"""Revision 0002: people.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0002_people.sql")
