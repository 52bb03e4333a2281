"""Reads and writes Stripe objects in the store: by id, or a page of a kind, newest first.

A body is exactly what Stripe would answer without expansions. `hidden` beside it is the sandbox's own knowledge and
never leaves by the API. Called by `work`; nothing here makes events.
"""

import json
from typing import Any, Final

from stripe_sandbox.store import Body, Store

INSERT: Final = """
INSERT INTO objects (
  id, object, created, customer, payment_intent, charge, invoice, status, kind, email, source, body, hidden
) VALUES (
  :id, :object, :created, :customer, :payment_intent, :charge, :invoice, :status, :kind, :email, :source, :body, :hidden
)
"""
UPDATE: Final = """
UPDATE objects SET customer = :customer, payment_intent = :payment_intent, charge = :charge, invoice = :invoice,
  status = :status, kind = :kind, email = :email, source = :source, body = :body
WHERE id = :id
"""

BURY: Final = "UPDATE objects SET object = 'deleted', body = :body, hidden = '{}' WHERE id = :id"

# The leading condition picks the index; the others then look at few rows, whatever they ask for.
PAGE_HEAD: Final = "SELECT seq, id, body FROM objects WHERE object = :object"
PAGE_LEADS: Final = {
    "payment_intent": " AND payment_intent = :payment_intent",
    "charge": " AND charge = :charge",
    "invoice": " AND invoice = :invoice",
    "customer": " AND customer = :customer",
}
PAGE_FILTERS: Final = """
  AND (:customer IS NULL OR customer = :customer)
  AND (:payment_intent IS NULL OR payment_intent = :payment_intent)
  AND (:charge IS NULL OR charge = :charge)
  AND (:invoice IS NULL OR invoice = :invoice)
  AND (:status IS NULL OR status = :status)
  AND (:email IS NULL OR email = :email)
  AND (:source IS NULL OR source = :source)
  AND (:collection_method IS NULL OR body ->> '$.collection_method' = :collection_method)
  AND (:kind IS NULL OR kind GLOB :kind)
  AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
  AND (:gt IS NULL OR created > :gt) AND (:gte IS NULL OR created >= :gte)
  AND (:lt IS NULL OR created < :lt) AND (:lte IS NULL OR created <= :lte)
  AND (:oldest IS NULL OR created >= :oldest)
  AND (:delivered IS NULL OR :delivered = NOT EXISTS
        (SELECT 1 FROM deliveries d WHERE d.event_id = objects.id AND d.status <> 'delivered'))
"""
PAGE_OLDER: Final = " AND (:after IS NULL OR seq < :after) ORDER BY seq DESC LIMIT :rows"
PAGE_NEWER: Final = " AND seq > :before ORDER BY seq ASC LIMIT :rows"

FILTERS: Final = (
    *("customer", "payment_intent", "charge", "invoice", "status", "email", "source", "collection_method"),
    *("kind", "kinds", "gt", "gte", "lt", "lte", "oldest", "delivered"),
)


def find(store: Store, object_id: str) -> Body | None:
    """Return an object of any kind, or None."""
    row = store.row("SELECT body FROM objects WHERE id = ?", (object_id,))
    return json.loads(row["body"]) if row else None


def seq(store: Store, kind: str, object_id: str) -> int | None:
    """Return the place of an object in its list, or None when there is no such object."""
    row = store.row("SELECT seq FROM objects WHERE id = ? AND object = ?", (object_id, kind))
    return row["seq"] if row else None


def hidden(store: Store, object_id: str) -> Body:
    """Return what the sandbox knows of an object beside its body."""
    row = store.row("SELECT hidden FROM objects WHERE id = ?", (object_id,))
    return json.loads(row["hidden"]) if row else {}


def hide(store: Store, object_id: str, known: Body) -> None:
    """Replace what the sandbox knows of an object."""
    store.execute("UPDATE objects SET hidden = ? WHERE id = ?", (json.dumps(known), object_id))


def insert(store: Store, body: Body, known: Body, created: int) -> None:
    """Add a new object."""
    values = {**_columns(body), "object": body["object"], "created": created, "hidden": json.dumps(known)}
    store.execute(INSERT, values)


def update(store: Store, body: Body) -> None:
    """Replace the body of an object."""
    store.execute(UPDATE, _columns(body))


def bury(store: Store, body: Body) -> None:
    """Keep only the remains of a deleted object: found by id, in no list."""
    store.execute(BURY, {"id": body["id"], "body": json.dumps(body)})


def remove(store: Store, object_id: str) -> None:
    """Delete an object without a trace."""
    store.execute("DELETE FROM objects WHERE id = ?", (object_id,))


def older(store: Store, kind: str, wanted: Body, after: int | None, rows: int) -> list[Body]:
    """Return up to `rows` objects of a kind, newest first, from below the place `after`."""
    sql = PAGE_HEAD + _lead(wanted) + PAGE_FILTERS + PAGE_OLDER
    return _bodies(store, sql, {**_filters(kind, wanted), "after": after, "rows": rows})


def newer(store: Store, kind: str, wanted: Body, before: int, rows: int) -> list[Body]:
    """Return up to `rows` objects from above the place `before`, the nearest first."""
    sql = PAGE_HEAD + _lead(wanted) + PAGE_FILTERS + PAGE_NEWER
    return _bodies(store, sql, {**_filters(kind, wanted), "before": before, "rows": rows})


def _bodies(store: Store, sql: str, values: Body) -> list[Body]:
    return [json.loads(row["body"]) for row in store.rows(sql, values)]


def _lead(wanted: Body) -> str:
    return next((sql for name, sql in PAGE_LEADS.items() if wanted.get(name) is not None), "")


def _filters(kind: str, wanted: Body) -> dict[str, Any]:
    return {**dict.fromkeys(FILTERS), **wanted, "object": kind}


def _columns(body: Body) -> dict[str, Any]:
    details = body.get("customer_details") or {}
    payment = body.get("payment") if body["object"] == "invoice_payment" else None
    return {
        "id": body["id"],
        "customer": body.get("customer"),
        "payment_intent": payment["payment_intent"] if payment else body.get("payment_intent"),
        "charge": body.get("charge"),
        "invoice": body.get("invoice"),
        "status": body.get("status"),
        "kind": body.get("type"),
        "email": body.get("email") or details.get("email"),
        "source": body.get("source"),
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    }
