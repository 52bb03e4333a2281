"""Revision 0012: the place of the database.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0012_place.sql")
