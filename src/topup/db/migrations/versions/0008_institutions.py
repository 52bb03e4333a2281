"""Revision 0008: institutions, their members, purchases and allocations.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0008_institutions.sql")
