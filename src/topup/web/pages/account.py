"""The account page: what there is to spend, what ends when, and the statement that says why.

Shows a signed-in person their own account and no other; anybody else is sent to sign in.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from topup.flows import show_account
from topup.web import people
from topup.web.context import HouseDep
from topup.web.pages import balance, frame, reader, statement
from topup.web.pages.reader import Reader

ENDS_SHOWN_MAX = 6
_SEQ_DIGITS_MAX = 18
Short = Annotated[str, Query(max_length=40)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class End:
    """Credits that end on one day."""

    credits: int
    expires_at: datetime
    is_soon: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The top of the page."""

    available: int
    debt: int
    is_frozen: bool
    parts: Sequence[balance.Part]
    ends: Sequence[End]


@router.get("/account")
async def account(request: Request, house: HouseDep, person: people.SignedInDep, cursor: Short = "") -> Response:
    """The whole page; with a cursor, the same page with an older part of the statement."""
    shown = await show_account.overview(house.pool, account_id=person.account_id, older_than_seq=seq_of(cursor))
    reads = reader.of_request(request)
    values = statement_values(shown, reads, day_above="")
    return await frame.show(request, "account.html", account=figures(shown, reads), is_newest=not cursor, **values)


@router.get("/account/older")
async def older(
    request: Request, house: HouseDep, person: people.SignedInDep, cursor: Short = "", day: Short = ""
) -> Response:
    """More lines alone, for htmx to put in place of the button. `day` is the heading that stands above them already."""
    shown = await show_account.overview(house.pool, account_id=person.account_id, older_than_seq=seq_of(cursor))
    return frame.fragment(
        request, "statement.html", **statement_values(shown, reader.of_request(request), day_above=day)
    )


def seq_of(cursor: str) -> int | None:
    """The line that the page before ended with; None, which is the newest page, for what is no number of a line."""
    is_number = cursor.isascii() and cursor.isdecimal() and len(cursor) <= _SEQ_DIGITS_MAX
    return int(cursor) if is_number else None


def statement_values(
    shown: show_account.Overview, reads: Reader, *, day_above: str, unit: str = "credit"
) -> dict[str, Any]:
    """What statement.html takes."""
    page = shown.statement
    return {
        "days": statement.days(page.lines, page.moves, reader=reads, now=shown.read_at, unit=unit),
        "unit": unit,
        "older": "" if page.older_than_seq is None else str(page.older_than_seq),
        "day_above": day_above,
        "older_path": "/account",
        "older_part": "/account/older",
        "payments_path": "/payments",
        "undo_path": "",
    }


def figures(shown: show_account.Overview, reads: Reader) -> Figures:
    """The top of the page."""
    now = shown.balance
    return Figures(
        available=now.available,
        debt=now.debt,
        is_frozen=now.is_frozen,
        parts=balance.parts(
            available=now.available,
            expiring_soon=sum(one.credits for one in shown.expiring),
            held=now.held - shown.held_for_disputes,
            disputed=shown.held_for_disputes,
        ),
        ends=_ends(shown, reads),
    )


def _ends(shown: show_account.Overview, reads: Reader) -> list[End]:
    """The next days on which credits end, those of one day added up."""
    living = [lot for lot in shown.lots if lot.remaining and lot.expires_at and lot.expires_at > shown.read_at]
    by_end = sorted((lot.expires_at, lot.remaining) for lot in living if lot.expires_at)
    soon = shown.read_at + timedelta(days=show_account.SOON_DAYS)
    days = itertools.groupby(by_end, key=lambda end: reads.local(end[0]).date())
    found = [list(ends) for _, ends in days]
    return [End(sum(count for _, count in ends), ends[0][0], ends[0][0] <= soon) for ends in found[:ENDS_SHOWN_MAX]]
