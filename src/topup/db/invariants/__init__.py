"""What must always hold of the database, each as one query that finds what breaks it.

Run by topup.ledger.audit in one snapshot; a query that returns no row is content. Most of these are constraints as
well, so that the bad row cannot be written: the queries are for the day when somebody wrote it all the same.
"""

from topup.db.invariants import doings, lines, lots, sharing, ways_back
from topup.db.invariants.invariant import Invariant

ALL: tuple[Invariant, ...] = (*lines.ALL, *lots.ALL, *ways_back.ALL, *sharing.ALL, *doings.ALL)
