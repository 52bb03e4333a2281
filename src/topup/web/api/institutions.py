"""Institutions, their members and invitations over JSON.

What invoices are written to is changed here and kept at Stripe by whatever bills next.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from topup.core import roles
from topup.core.roles import Role
from topup.db import sql
from topup.db.institutions import Institution
from topup.db.memberships import Membership
from topup.flows import (
    accept_invitation,
    create_institution,
    edit_institution,
    invite_member,
    keyed,
    remove_member,
    show_members,
)
from topup.flows.requests import Answer
from topup.web import errors, idempotency, institutions_door
from topup.web.api import models, paging
from topup.web.api.auth import Email
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/institutions", tags=["Institutions"])
invitations = APIRouter(prefix="/api/invitations", tags=["Institutions"])

NameOfInstitution = Annotated[
    str, Field(min_length=1, max_length=200, pattern=models.NAME_PATTERN), AfterValidator(str.strip)
]
Line = Annotated[models.Line, Field(min_length=1, max_length=200)]


class NewInstitution(models.Body):
    """An institution to be."""

    name: NameOfInstitution
    billing_email: Email


class BillingAddress(models.Body):
    """Where invoices are addressed to."""

    line1: Line
    line2: Line | None = None
    city: models.Name
    postal_code: Annotated[models.Line, Field(min_length=1, max_length=30)] | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166, upper case.")]


class TaxId(models.Body):
    """A number that the tax office knows the institution by."""

    type: Annotated[str, Field(pattern="^[a-z]{2}_[a-z_]{2,20}$", description="Stripe's word, such as `gb_vat`.")]
    value: Annotated[models.Line, Field(min_length=1, max_length=50)]


_ABSENT: Any = None


class InstitutionChanges(models.Body):
    """Any of an institution's fields; null empties one that may be empty. What is not sent stays as it is."""

    model_config = ConfigDict(json_schema_extra=models.without_defaults)

    name: NameOfInstitution = _ABSENT
    billing_email: Email = _ABSENT
    company: Line | None = None
    billing_address: BillingAddress | None = None
    tax_id: TaxId | None = None


class BillingAddressAnswer(models.Answer):
    """Where invoices are addressed to."""

    line1: str
    line2: str | None
    city: str | None
    postal_code: str | None
    country: str | None


class TaxIdAnswer(models.Answer):
    """A number that the tax office knows the institution by."""

    type: str
    value: str


class InstitutionAnswer(models.Answer):
    """An institution as its staff see it. `role` is the caller's own."""

    id: str
    name: str
    billing_email: str
    company: str | None
    billing_address: BillingAddressAnswer | None
    tax_id: TaxIdAnswer | None
    role: Role
    created_at: models.Moment


class OwnAnswer(models.Answer):
    """An institution that the caller belongs to, or is invited to as a student."""

    id: str
    name: str
    role: Role
    status: Literal["INVITED", "ACTIVE"]
    member_id: str


class OwnList(models.Answer):
    """One for each institution, newest first."""

    data: list[OwnAnswer]
    next_cursor: str | None = None


class NewMember(models.Body):
    """Whom to invite as what."""

    email: Email
    role: Role


class MemberAnswer(models.Answer):
    """Somebody's place. A name is known once they have come."""

    id: str
    institution_id: str
    email: str
    role: Role
    status: Literal["INVITED", "ACTIVE", "LEFT"]
    user_id: str | None
    first_name: str | None
    last_name: str | None
    created_at: models.Moment
    joined_at: models.Moment | None


class MemberList(models.Answer):
    """One page of members, newest first."""

    data: list[MemberAnswer]
    next_cursor: str | None


class InvitationToken(models.Body):
    """What the mail carried."""

    token: models.Secret


class AcceptedAnswer(MemberAnswer):
    """The place, taken."""

    institution_name: str


class _Place(BaseModel):
    id: UUID


@router.post("", status_code=status.HTTP_201_CREATED, response_model=InstitutionAnswer)
async def create_institution_call(
    body: NewInstitution, request: Request, house: HouseDep, person: PersonDep, offered: idempotency.OptionalKeyDep
) -> Response:
    """Make an institution; the caller becomes its first owner."""

    async def act(conn: sql.Connection) -> Answer:
        made = await create_institution.create(conn, name=body.name, billing_email=body.billing_email, person=person)
        return Answer(status.HTTP_201_CREATED, _institution(made, "OWNER").model_dump_json(by_alias=True))

    key = idempotency.key_of(request, person, offered)
    answer = await keyed.once(
        house.pool, key, idempotency.fingerprint_of(request, body), act, idempotency.wording(request)
    )
    return idempotency.respond(answer)


@router.get("")
async def list_own_institutions(house: HouseDep, person: PersonDep) -> OwnList:
    """Where the caller belongs."""
    seats = await show_members.own(house.pool, person)
    return OwnList(
        data=[
            OwnAnswer(
                id=str(seat.institution_id),
                name=seat.institution_name,
                role=seat.role,
                status="ACTIVE" if seat.status == "ACTIVE" else "INVITED",
                member_id=str(seat.membership_id),
            )
            for seat in seats
        ]
    )


@router.get("/{institution_id}", responses=errors.documented(404))  # noqa: FAST003 - the door takes it
async def show_institution(house: HouseDep, seat: institutions_door.ReaderSeat) -> InstitutionAnswer:
    """Details, billing address and tax id."""
    return _institution(await edit_institution.show(house.pool, seat.institution_id), seat.role)


@router.patch("/{institution_id}", responses=errors.documented(404))  # noqa: FAST003 - the door takes it
async def change_institution(
    body: InstitutionChanges, house: HouseDep, seat: institutions_door.EditorSeat
) -> InstitutionAnswer:
    """Change any of an institution's fields. Invoices already made stay as they are."""
    changed = await edit_institution.change(house.pool, seat.institution_id, columns(body))
    return _institution(changed, seat.role)


@router.post(
    "/{institution_id}/members",
    status_code=status.HTTP_201_CREATED,
    response_model=MemberAnswer,
    responses=errors.documented(404, 409, 429),
)
async def invite_member_call(
    institution_id: models.RowId,
    body: NewMember,
    request: Request,
    house: HouseDep,
    person: PersonDep,
    offered: idempotency.OptionalKeyDep,
) -> Response:
    """Invite somebody by mail; invited again, they get a new mail and the last one ends."""
    call = roles.call_of_invitation(body.role)
    seat = await institutions_door.from_body(house, person, call, institution_id)
    await invite_member.charge(house.pool, house.keys, email=body.email, person=person)

    async def act(conn: sql.Connection) -> Answer:
        place = await invite_member.invite(conn, seat, email=body.email, role=body.role, person=person)
        return Answer(status.HTTP_201_CREATED, _member(place).model_dump_json(by_alias=True))

    key = idempotency.key_of(request, person, offered)
    answer = await keyed.once(
        house.pool, key, idempotency.fingerprint_of(request, body), act, idempotency.wording(request)
    )
    return idempotency.respond(answer)


@router.get("/{institution_id}/members", responses=errors.documented(404))  # noqa: FAST003 - the door takes it
async def list_members(
    house: HouseDep,
    seat: institutions_door.MembersSeat,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
    role: Annotated[Role | None, Query()] = None,
) -> MemberList:
    """Members and who is invited, newest first."""
    before = paging.read(_Place, cursor)
    rows = await show_members.page(
        house.pool, seat.institution_id, role=role, before_id=before.id if before else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(id=row.id))
    return MemberList(data=[_member(row) for row in page], next_cursor=next_cursor)


@router.delete(
    "/{institution_id}/members/{member_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors.documented(404, 409),
)
async def remove_member_call(
    institution_id: models.RowId, member_id: models.RowId, house: HouseDep, person: PersonDep
) -> None:
    """End a membership, one's own or another's, or withdraw an invitation. Unused sessions go back to the pool."""
    await remove_member.remove(house.pool, person, institution_id=institution_id, membership_id=member_id)


@invitations.post("/accept", responses=errors.documented(404, 409))
async def accept_invitation_call(body: InvitationToken, house: HouseDep, person: PersonDep) -> AcceptedAnswer:
    """Take the place that an invitation sets aside for the caller's address."""
    place, institution = await accept_invitation.accept(house.pool, token=body.token, person=person)
    return AcceptedAnswer(**_member(place).model_dump(), institution_name=institution.name)


def columns(body: InstitutionChanges) -> dict[str, Any]:
    """The columns that the sent fields stand for."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if "billing_address" in given:
        address = given.pop("billing_address")
        for column, name in _ADDRESS_COLUMNS.items():
            given[column] = getattr(address, name) if address is not None else None
    if "tax_id" in given:
        tax_id = given["tax_id"]
        given["tax_id_type"] = tax_id.type if tax_id is not None else None
        given["tax_id"] = tax_id.value if tax_id is not None else None
    return given


_ADDRESS_COLUMNS = {
    "address_line1": "line1",
    "address_line2": "line2",
    "city": "city",
    "postal_code": "postal_code",
    "country": "country",
}


def _institution(row: Institution, role: Role) -> InstitutionAnswer:
    address = None
    if row.address_line1 is not None:
        address = BillingAddressAnswer(
            line1=row.address_line1,
            line2=row.address_line2,
            city=row.city,
            postal_code=row.postal_code,
            country=row.country,
        )
    tax_id = None
    if row.tax_id is not None and row.tax_id_type is not None:
        tax_id = TaxIdAnswer(type=row.tax_id_type, value=row.tax_id)
    return InstitutionAnswer(
        id=str(row.id),
        name=row.name,
        billing_email=row.billing_email,
        company=row.company,
        billing_address=address,
        tax_id=tax_id,
        role=role,
        created_at=row.created_at,
    )


def _member(row: Membership) -> MemberAnswer:
    return MemberAnswer.model_validate(
        {
            "id": str(row.id),
            "institution_id": str(row.institution_id),
            "email": row.email,
            "role": row.role,
            "status": row.status,
            "user_id": str(row.user_id) if row.user_id else None,
            "first_name": row.first_name,
            "last_name": row.last_name,
            "created_at": row.created_at,
            "joined_at": row.joined_at,
        }
    )
