"""API keys over JSON, for admins: make one, look at them, rotate, revoke. Only the answer that makes a key shows it.

That answer is not remembered under an idempotency key, since it holds a secret; a key that was made and never received
is seen in the list, unused, and revoked.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from topup.core.api_keys import Scope
from topup.core.people import Person
from topup.db import api_keys
from topup.flows import keys as key_flows
from topup.web import errors
from topup.web.api import models, paging
from topup.web.auth import AdminDep, Principal
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/admin/keys", tags=["Admin"])

OVERLAP_SECONDS_MAX = 30 * 86_400


class NewKey(models.Body):
    """What the key is for, and what it opens."""

    name: models.Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)]


class Rotation(models.Body):
    """How long the old key goes on working."""

    overlap_seconds: Annotated[int, Field(strict=True, ge=0, le=OVERLAP_SECONDS_MAX)] = key_flows.OVERLAP_SECONDS


class KeyAnswer(models.Answer):
    """A key as it can be seen. The application stays the same when its key is rotated."""

    id: str
    application_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: models.Moment
    expires_at: models.Moment | None
    last_used_at: models.Moment | None
    revoked_at: models.Moment | None


class NewKeyAnswer(KeyAnswer):
    """A key with its secret, shown this once."""

    key: str


class KeyList(models.Answer):
    """One page of keys, newest first."""

    data: list[KeyAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_key(body: NewKey, house: HouseDep, by: AdminDep) -> NewKeyAnswer:
    """Make a key for a new application."""
    created = await key_flows.create(house.pool, name=body.name, scopes=body.scopes, created_by=_person_id(by))
    return _new(created)


@router.get("")
async def list_keys(
    house: HouseDep, _by: AdminDep, limit: paging.Limit = paging.LIMIT_DEFAULT, cursor: paging.Cursor = None
) -> KeyList:
    """Keys, living and ended, newest first."""
    before = paging.read(_Place, cursor)
    rows = await key_flows.page(house.pool, before_id=before.id if before else None, limit=limit + 1)
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(id=row.id))
    return KeyList(data=[_answer(row) for row in page], next_cursor=next_cursor)


@router.post("/{key_id}/rotate", status_code=status.HTTP_201_CREATED, responses=errors.documented(404))
async def rotate_key(key_id: models.RowId, house: HouseDep, by: AdminDep, body: Rotation | None = None) -> NewKeyAnswer:
    """Make the application's next key. The old one works until the overlap is over."""
    overlap_seconds = (body or Rotation()).overlap_seconds
    rotated = await key_flows.rotate(house.pool, key_id, overlap_seconds=overlap_seconds, created_by=_person_id(by))
    house.key_ring.forget(key_id)
    return _new(rotated)


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, responses=errors.documented(404))
async def revoke_key(key_id: models.RowId, house: HouseDep, _by: AdminDep) -> None:
    """End a key. It is refused at once by the process that answers this, and by every other within five seconds."""
    await key_flows.revoke(house.pool, key_id)
    house.key_ring.forget(key_id)


def _person_id(by: Principal) -> UUID | None:
    return by.user_id if isinstance(by, Person) else None


def _new(created: key_flows.Created) -> NewKeyAnswer:
    return NewKeyAnswer(**_answer(created.row).model_dump(), key=created.text)


def _answer(row: api_keys.ApiKey) -> KeyAnswer:
    return KeyAnswer(
        id=str(row.id),
        application_id=str(row.application_id),
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
