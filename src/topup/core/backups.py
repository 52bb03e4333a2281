"""What a backup says about itself: its manifest, as JSON. Pure: written by `topup backup`, read by `topup restore`.

The manifest names the moment, the schema, whose database it was, and each table with its rows and checksum; so a backup
that lost a byte is refused before anything is touched.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from topup import errors

FORMAT = "Topup backup 1"
NAME = "manifest.json"
ANCHOR = "anchor.txt"


@dataclass(frozen=True, slots=True)
class Part:
    """One file in a backup: its length before compression, and its SHA-256."""

    length_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows, in the text form of PostgreSQL's COPY, with its columns in this order."""

    name: str
    columns: tuple[str, ...]
    rows: int
    part: Part

    @property
    def path(self) -> str:
        """Its name in the file."""
        return table_path(self.name)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`sequences` are the last values that were given out. `tables` come in an order in which they can be filled."""

    taken_at: datetime
    postgres: str
    schema: str
    mode: str | None
    stripe_account: str | None
    is_demo: bool
    tables: tuple[Table, ...]
    sequences: Mapping[str, int]
    anchor: Part

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(table.rows for table in self.tables)

    @property
    def sentence(self) -> str:
        """What it is, for a person who wonders whether it is the right one."""
        kind = "a demo" if self.is_demo else f"{self.mode or 'no'} mode, Stripe account {self.stripe_account or 'none'}"
        return f"Backup of {self.taken_at:%Y-%m-%d %H:%M:%S} UTC: {kind}, schema {self.schema}, {self.rows:,} rows"


def table_path(name: str) -> str:
    """Where in the file a table's rows lie."""
    return f"tables/{name}.copy"


def text(manifest: Manifest) -> str:
    """The manifest as it is written."""
    return json.dumps({"format": FORMAT, **asdict(manifest), "taken_at": manifest.taken_at.isoformat()}, indent=1)


def read(written: str | bytes) -> Manifest:
    """The manifest in a backup. Raises Unreadable where it is none, or one of a format that is not ours."""
    try:
        told = json.loads(written)
        if told.pop("format") != FORMAT:
            raise errors.Unreadable("This backup has a format that this program does not know: use a newer one.")
        tables = [
            Table(one["name"], tuple(one["columns"]), int(one["rows"]), Part(**one["part"])) for one in told["tables"]
        ]
        return Manifest(
            taken_at=datetime.fromisoformat(told["taken_at"]),
            postgres=told["postgres"],
            schema=told["schema"],
            mode=told["mode"],
            stripe_account=told["stripe_account"],
            is_demo=told["is_demo"],
            tables=tuple(tables),
            sequences=told["sequences"],
            anchor=Part(**told["anchor"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise errors.Unreadable("This is not a backup that `topup backup` made, or a damaged one.") from fault
