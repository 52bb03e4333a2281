"""Revision 0010: people can be erased.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0010_erasure.sql")
