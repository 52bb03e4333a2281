"""The journal moves rows into what the rules work on and back by the order of their fields, which is tested here."""

from dataclasses import fields

import psycopg
import pytest

from topup.db import ledger
from topup.ledger import book


def names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def test_rows_have_the_fields_of_what_the_rules_work_on_in_the_same_order() -> None:
    assert names(ledger.AccountRow) == names(book.Account)[: len(names(ledger.AccountRow))]
    assert names(ledger.LotRow) == names(book.Lot)
    assert names(ledger.HoldRow)[: ledger.HOLD_FIELDS] == names(book.Hold)[: ledger.HOLD_FIELDS]


@pytest.mark.parametrize(
    ("statement", "kind", "count"),
    [(ledger.INSERT_LOTS, book.Lot, None), (ledger.INSERT_HOLDS, book.Hold, ledger.HOLD_FIELDS)],
    ids=["lots", "holds"],
)
def test_rows_are_inserted_in_the_order_of_their_fields(
    shared_database_url: str, statement: str, kind: type, count: int | None
) -> None:
    """Where a column has another name than its field, it stands in the same place."""
    listed = [word.strip() for word in statement[statement.index("(") + 1 : statement.index(")")].split(",")]
    renamed = {"amount": "credits"} if kind is book.Hold else {}
    assert [renamed.get(name, name) for name in listed] == names(kind)[:count]
    with psycopg.connect(shared_database_url) as connection:
        table = statement.split()[2]
        found = connection.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = %s AND column_name = ANY(%s)",
            [table, listed],
        ).fetchone()
    assert found == (len(listed),)
