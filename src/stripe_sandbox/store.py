"""The one SQLite file: Stripe objects as JSON, with the columns that lists filter by, and the sandbox's own tables.

Everything runs on one thread and every unit of work is one transaction that never waits in the middle, so the event
loop is the writer lock. The file is opened exclusively: a second sandbox on the same data refuses to start. After
`kill -9` the write-ahead log holds each committed transaction whole and nothing of an unfinished one.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

Body: TypeAlias = dict[str, Any]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  object TEXT NOT NULL,
  created INTEGER NOT NULL,
  customer TEXT, payment_intent TEXT, charge TEXT, invoice TEXT, status TEXT, kind TEXT, email TEXT, source TEXT,
  body TEXT NOT NULL,
  hidden TEXT NOT NULL DEFAULT '{}'  -- what the sandbox knows and Stripe would not show: a card's fate, line items
);
CREATE INDEX IF NOT EXISTS objects_of_a_kind ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_of_customer ON objects (customer, object, seq) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_of_intent ON objects (payment_intent, object, seq) WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_of_charge ON objects (charge, object, seq) WHERE charge IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_of_invoice ON objects (invoice, object, seq) WHERE invoice IS NOT NULL;

CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, request_id TEXT NOT NULL, status INTEGER NOT NULL,
  body TEXT NOT NULL, answered_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_by_age ON answers (answered_at);

CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY, due_at REAL NOT NULL, job TEXT NOT NULL, object_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs (due_at, id);

CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, event_type TEXT NOT NULL, endpoint_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'given_up', 'dropped')),
  attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL, manner TEXT NOT NULL DEFAULT 'right'
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at, id) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event_id);

CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY, delivery_id INTEGER NOT NULL, attempted_at INTEGER NOT NULL, signature TEXT NOT NULL,
  http_status INTEGER, duration_ms REAL NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of_delivery ON attempts (delivery_id);

CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

WIPE: Final = (
    "DELETE FROM objects",
    "DELETE FROM answers",
    "DELETE FROM jobs",
    "DELETE FROM deliveries",
    "DELETE FROM attempts",
    "DELETE FROM memory",
)


class Occupied(Exception):
    """Another process has the data file open."""


class Store:
    """One open data file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2)
        self.connection.row_factory = sqlite3.Row
        try:
            self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            self.connection.executescript(SCHEMA)
            with self.transaction():
                self.execute("INSERT OR REPLACE INTO memory VALUES ('opened', '1')")
        except sqlite3.OperationalError as locked:
            self.connection.close()
            message = f"{path} is in use by another sandbox, or cannot be written ({locked})."
            raise Occupied(message) from locked

    def close(self) -> None:
        """Write the log back and let go of the file."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def execute(self, sql: str, values: dict[str, Any] | tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, values)

    def rows(self, sql: str, values: dict[str, Any] | tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """Return all rows of one query."""
        return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: dict[str, Any] | tuple[Any, ...] = ()) -> sqlite3.Row | None:
        """Return the first row, if there is one."""
        return self.connection.execute(sql, values).fetchone()

    def remember(self, name: str, value: object) -> None:
        """Keep one small value across restarts."""
        self.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (name, json.dumps(value)))

    def recall(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - whatever was remembered
        """Return a value kept by `remember`."""
        row = self.row("SELECT value FROM memory WHERE name = ?", (name,))
        return json.loads(row["value"]) if row else default

    def wipe(self) -> None:
        """Forget everything, the clock's offset included."""
        for statement in WIPE:
            self.execute(statement)
