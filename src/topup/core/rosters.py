"""Reads a roster: a CSV file that says which address is to have how many sessions. Pure.

Columns are `email`, `quantity` and, if wanted, `expiresAt` and `name`, in any order; commas, semicolons or tabs between
them. Whatever is wrong is noted with its row, so that a person can mend the whole file at once.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from topup.core import addresses

ROWS_MAX = 10_000
QUANTITY_MAX = 100_000
NAME_LENGTH_MAX = 100
COLUMNS = {"email": "email", "quantity": "quantity", "expiresat": "expiresAt", "name": "name"}
_NEEDED = ("email", "quantity")
_QUANTITY = re.compile(r"[0-9]{1,7}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """Who is to have how many until when. `number` is the line of the file, the header being 1."""

    number: int
    email: str
    quantity: int
    ends_at: datetime | None
    name: str | None

    def key(self) -> str:
        """What is the same when the same row is imported again."""
        ends = self.ends_at.isoformat() if self.ends_at else ""
        return hashlib.sha256(f"{self.email}\n{self.quantity}\n{ends}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line, in a column where it is one column's."""

    number: int
    column: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Roster:
    """A file as it was read. `id` names its content."""

    id: str
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


class _Wrong(ValueError):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


def read(raw: bytes) -> Roster:
    """The rows that are right, and all that is wrong."""
    roster_id = hashlib.sha256(raw).hexdigest()[:32]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = raw[: error.start].count(b"\n") + 1
        return Roster(roster_id, (), (Fault(number, None, "This is not UTF-8 text: save the file as CSV UTF-8."),))
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        return Roster(roster_id, (), (Fault(number, None, "This is not text: save the file as CSV UTF-8."),))
    rows, faults = _read_lines(text)
    return Roster(roster_id, tuple(rows), tuple(faults))


def _read_lines(text: str) -> tuple[list[Row], list[Fault]]:
    rows: list[Row] = []
    faults: list[Fault] = []
    lines = _lines(text, faults)
    columns = _header(next(lines, None), faults)
    if faults:
        return [], faults
    seen: dict[str, int] = {}
    for number, cells in lines:
        if len(rows) + len(faults) >= ROWS_MAX:
            faults.append(Fault(number, None, f"A roster has at most {ROWS_MAX} rows: split the file."))
            break
        try:
            row = _row(number, columns, cells)
            _ensure_first(row, seen)
        except _Wrong as wrong:
            faults.append(Fault(number, wrong.column or None, wrong.detail))
        else:
            seen[row.email] = number
            rows.append(row)
    if not rows and not faults:
        faults.append(Fault(1, None, "There is no row below the header."))
    return rows, faults


def _lines(text: str, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """The lines that have anything in them, with the number of the line each begins in."""
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.append(Fault(number, None, f"This line cannot be read ({error})."))
            return
        if any(cell.strip() for cell in cells):
            yield number, cells
        number = reader.line_num + 1


def _header(line: tuple[int, list[str]] | None, faults: list[Fault]) -> list[str]:
    """The columns of the file in their order. Notes what is unknown, missing or there twice."""
    number, cells = line or (1, [])
    columns = [COLUMNS.get(cell.strip().lower(), "") for cell in cells]
    for place, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        if not column:
            known = ", ".join(COLUMNS.values())
            faults.append(
                Fault(number, cell.strip()[:NAME_LENGTH_MAX], f"This column is not known; known are {known}.")
            )
        elif column in columns[:place]:
            faults.append(Fault(number, column, "This column is there twice."))
    faults.extend(Fault(number, name, "This column is missing.") for name in _NEEDED if name not in columns)
    return columns


def _row(number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        raise _Wrong("", f"This row has {len(cells)} columns and the header has {len(columns)}.")
    said = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    return Row(
        number=number,
        email=_email(said["email"]),
        quantity=_quantity(said["quantity"]),
        ends_at=_ends_at(said.get("expiresAt", "")),
        name=_name(said.get("name", "")),
    )


def _ensure_first(row: Row, seen: Mapping[str, int]) -> None:
    if row.email in seen:
        raise _Wrong("email", f"This address is in row {seen[row.email]} already.")


def _email(text: str) -> str:
    try:
        return addresses.canonical(text)
    except ValueError as error:
        raise _Wrong("email", str(error)) from error


def _quantity(text: str) -> int:
    quantity = int(text) if _QUANTITY.fullmatch(text) else 0
    if not 1 <= quantity <= QUANTITY_MAX:
        raise _Wrong("quantity", f"This must be a whole number from 1 to {QUANTITY_MAX}.")
    return quantity


def _ends_at(text: str) -> datetime | None:
    """A time with its offset, or a day, which then is the last one (UTC)."""
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(days=1)
        ends_at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise _wrong_time() from error
    if ends_at.tzinfo is None:
        raise _wrong_time()
    return ends_at.astimezone(UTC)


def _wrong_time() -> _Wrong:
    return _Wrong("expiresAt", "This must be a day such as 2030-01-31, or a time with its offset.")


def _name(text: str) -> str | None:
    if len(text) > NAME_LENGTH_MAX or any(unicodedata.category(char)[0] == "C" for char in text):
        raise _Wrong("name", f"This must be one line of at most {NAME_LENGTH_MAX} characters.")
    return text or None
