"""What a roster says and what is wrong with it, line by line."""

import hashlib
from datetime import UTC, datetime

import pytest

from topup.core import rosters


def faults(text: str | bytes) -> list[tuple[int, str | None]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(fault.number, fault.column) for fault in rosters.read(raw).faults]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_may_come_in_any_order_and_with_any_usual_delimiter(delimiter: str) -> None:
    lines = (["Quantity", " EMAIL ", "name", "expiresAt"], ["3", "Ann@Example.com", "Ann A", "2030-01-31"])
    roster = rosters.read(("\ufeff" + "\r\n".join(delimiter.join(line) for line in lines)).encode())
    assert roster.faults == ()
    [row] = roster.rows
    assert (row.number, row.email, row.quantity, row.name) == (2, "ann@example.com", 3, "Ann A")
    assert row.ends_at == datetime(2030, 2, 1, tzinfo=UTC)


def test_empty_lines_are_passed_over_and_lines_counted_as_an_editor_does() -> None:
    roster = rosters.read(b'email,quantity,name\n\n"a@example.com",1,"A"\n,,\nb@example.com,2,B\n')
    assert [(row.number, row.email) for row in roster.rows] == [(3, "a@example.com"), (5, "b@example.com")]


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "1e3", "", "x", "100001", "10000000000", "\uff11"])
def test_a_quantity_is_a_whole_number_from_one(quantity: str) -> None:
    assert faults(f"email,quantity\na@example.com,{quantity}\n") == [(2, "quantity")]


@pytest.mark.parametrize("ends", ["soon", "31.01.2030", "2030-02-30", "2030-01-31T10:00:00", "99999-01-01"])
def test_an_end_is_a_day_or_a_time_with_its_offset(ends: str) -> None:
    assert faults(f"email,quantity,expiresAt\na@example.com,1,{ends}\n") == [(2, "expiresAt")]


def test_a_time_with_its_offset_is_that_moment_and_the_same_row_in_any_offset() -> None:
    lines = (b"email,quantity,expiresAt", b"a@example.com,1,2030-01-31T12:00:00+02:00", b"b@example.com,1,")
    there, never = rosters.read(b"\n".join(lines)).rows
    [here] = rosters.read(b"email,quantity,expiresAt\na@example.com,1,2030-01-31T10:00:00Z").rows
    assert here.ends_at == datetime(2030, 1, 31, 10, tzinfo=UTC)
    assert (here.ends_at, here.key(), never.ends_at) == (there.ends_at, there.key(), None)


@pytest.mark.parametrize("name", ["x" * (rosters.NAME_LENGTH_MAX + 1), "two\nlines", "bell\a", "\u202eevil"])
def test_a_name_is_one_short_line(name: str) -> None:
    assert faults(f'email,quantity,name\na@example.com,1,"{name}"\n') == [(2, "name")]


@pytest.mark.parametrize("name", ["x" * rosters.NAME_LENGTH_MAX, "Zoë Ångström-O’Neil", "李小龍"])
def test_a_name_may_be_anybodys(name: str) -> None:
    [row] = rosters.read(f"email,quantity,name\na@example.com,1,{name}\n".encode()).rows
    assert row.name == name


def test_a_row_without_a_name_has_none() -> None:
    rows = (
        rosters.read(b"email,quantity,name\na@example.com,1,\n").rows + rosters.read(b"email,quantity\nb@x.org,1").rows
    )
    assert [row.name for row in rows] == [None, None]


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = (
        "email,quantity\nnobody,1\na@example.com,0\nA@example.com,1\na@example.com,2\nb@example.com\nc@example.com,1\n"
    )
    assert faults(text) == [(2, "email"), (3, "quantity"), (5, "email"), (6, None)]
    assert [row.email for row in rosters.read(text.encode()).rows] == ["a@example.com", "c@example.com"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("email,quantity,password", [(1, "password")]),
        ("email", [(1, "quantity")]),
        ("a@example.com,1", [(1, "a@example.com"), (1, "1"), (1, "email"), (1, "quantity")]),
        ("email,quantity,email", [(1, "email")]),
    ],
)
def test_a_wrong_header_is_told_and_no_row_is_read(header: str, expected: list[tuple[int, str]]) -> None:
    assert faults(f"{header}\nb@example.com,1\n") == expected
    assert rosters.read(f"{header}\n".encode()).rows == ()


@pytest.mark.parametrize(
    ("raw", "number", "column", "sentence"),
    [
        (b"email,quantity\na@x.org,1\nz\xff,1", 3, None, "This is not UTF-8 text: save the file as CSV UTF-8."),
        (b"email,quantity\na@x.org,1\n\0b\0", 3, None, "This is not text: save the file as CSV UTF-8."),
        (b"email,quantity\n", 1, None, "There is no row below the header."),
        (b"email,quantity,email\n", 1, "email", "This column is there twice."),
        (b"email\n", 1, "quantity", "This column is missing."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_at_its_line(
    raw: bytes, number: int, column: str | None, sentence: str
) -> None:
    assert rosters.read(raw).faults == (rosters.Fault(number, column, sentence),)


def test_an_unknown_column_is_told_which_there_are() -> None:
    [fault] = rosters.read(b"email,quantity,password\n").faults
    assert fault.detail.endswith("email, quantity, expiresAt, name.")


def test_the_header_alone_says_what_parts_the_columns() -> None:
    [row] = rosters.read(b'email;quantity;name\na@example.com;1;"A, B, C, D, E, F"\n').rows
    assert row.name == "A, B, C, D, E, F"


def test_a_quote_that_is_no_quote_is_a_fault() -> None:
    assert len(faults('email,quantity\n"a@example.com"x,1\n')) == 1


def test_rows_with_faults_count_as_rows() -> None:
    text = "email,quantity\n" + "".join(f"s{n}@example.com,{n % 2}\n" for n in range(10_001))
    assert faults(text)[-1] == (10_002, None)


def test_an_empty_file_lacks_its_columns() -> None:
    assert faults("") == faults("\n\n") == [(1, "email"), (1, "quantity")]


def test_a_header_alone_is_no_roster() -> None:
    assert faults("email,quantity\n") == [(1, None)]


@pytest.mark.parametrize(
    "raw",
    [
        "email,quantity\nzoë@example.com,1".encode("latin-1"),
        "email,quantity\na@example.com,1".encode("utf-16"),
        b"email,quantity\na@example.com,1\x00\n",
        b'email,quantity\n"a@example.com,1\n',
        b"PK\x03\x04\x14\x00\x06\x00\xff\xfe",
    ],
)
def test_what_is_not_utf_8_text_is_one_fault_and_no_row(raw: bytes) -> None:
    assert len(faults(raw)) == 1
    assert rosters.read(raw).rows == ()


def test_a_roster_has_at_most_ten_thousand_rows() -> None:
    def text(count: int) -> str:
        return "email,quantity\n" + "".join(f"s{number}@example.com,1\n" for number in range(count))

    assert faults(text(10_000)) == []
    assert faults(text(10_001)) == [(10_002, None)]


def test_a_rows_key_is_its_content_and_not_its_place() -> None:
    one = rosters.read(b"email,quantity,name\na@example.com,1,Ann\n").rows[0]
    moved = rosters.read(b"name,quantity,email\n\n,1,A@example.com\n").rows[0]
    other = rosters.read(b"email,quantity\na@example.com,2\n").rows[0]
    assert one.key() == moved.key() != other.key()


def test_another_end_makes_another_row_and_a_key_stays_what_it_was() -> None:
    """What was imported by an earlier version is known by its key, and given once."""
    rows = rosters.read(b"email,quantity,expiresAt\na@example.com,1,\nb@example.com,1,2030-01-31\n").rows
    said = [b"a@example.com\n1\n", b"b@example.com\n1\n2030-02-01T00:00:00+00:00"]
    assert [row.key() for row in rows] == [hashlib.sha256(words).hexdigest() for words in said]
