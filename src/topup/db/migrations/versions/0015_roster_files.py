"""Revision 0015: rosters that were uploaded to a page.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0015_roster_files.sql")
