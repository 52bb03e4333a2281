"""Revision 0005: payments.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0005_payments.sql")
