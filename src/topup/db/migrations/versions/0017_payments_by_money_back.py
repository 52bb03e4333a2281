"""Revision 0017: payments of which money went back are found without reading all.

The SQL lies beside this folder, under sql/, so that it reads as SQL.
"""

from topup.db.migrations import steps

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Run this revision's SQL file."""
    steps.run("0017_payments_by_money_back.sql")
