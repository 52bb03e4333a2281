"""Revision 0003: catalogue.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0003_catalogue.sql")
