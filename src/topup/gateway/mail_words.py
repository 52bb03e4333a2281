"""What each mail says: an outbox row's kind and details become a subject, a plain text and an HTML page.

The words stand in letters/ beside this file, one pair a kind; the first line of the text is the subject. Everything
that came from a person is escaped, and a name that looks like anything but a name is left out, since a code goes to
addresses nobody has proved yet. Rendering is pure; called by topup.flows.send_mails.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import css_inline
import jinja2

from topup import errors
from topup.core import mails, money
from topup.gateway import mail, money_back_words

NAME_LENGTH_MAX = 40
INSTITUTION_LENGTH_MAX = 100
_NAME_MARKS = frozenset(" -'’")
_INSTITUTION_MARKS = frozenset(" -'’.,&()")
# Four digits read well without a gap; from five on a narrow space keeps thousands together.
_GROUPED_FROM = 10_000


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose mails these are and where their links lead."""

    app_name: str
    frontend_url: str


def write(*, mail_id: UUID, kind: str, recipient: str, details: Mapping[str, Any], brand: Brand) -> mail.Mail:
    """The mail of one outbox row. A row that cannot be worded is a fault of ours: not retryable."""
    try:
        words = {**_of_the_house(brand), **_WORDS[kind](details), "name": name_of(details.get("firstName"))}
        subject, _, text = _templates().get_template(f"{kind}.txt").render(words).partition("\n")
        page = _templates().get_template(f"{kind}.html").render(words, subject=subject)
    except (KeyError, TypeError, ValueError, jinja2.TemplateError) as error:
        raise errors.GatewayError(
            f"A mail of kind {kind} could not be worded ({type(error).__name__}: {error}).", is_retryable=False
        ) from error
    return mail.Mail(id=mail_id, recipient=recipient, subject=subject, text=text, html=_inliner().inline(page))


def name_of(given: object) -> str:
    """The name to greet by; empty when it is not plainly a name, so that no stranger's text travels in our mails."""
    name = " ".join(str(given or "").split())
    is_plain = all(char in _NAME_MARKS or unicodedata.category(char)[0] in "LM" for char in name)
    return name if is_plain and len(name) <= NAME_LENGTH_MAX else ""


def number(credits_count: int) -> str:
    """1000, but 10 000 with a narrow space."""
    return f"{credits_count:,}".replace(",", "\u202f") if credits_count >= _GROUPED_FROM else str(credits_count)


def _of_the_house(brand: Brand) -> dict[str, Any]:
    address = brand.frontend_url.rstrip("/")
    return {
        "app_name": brand.app_name,
        "frontend_url": address,
        "frontend_host": urlsplit(address).netloc,
        "account_url": f"{address}/account",
        "desk_url": f"{address}/admin",
        "sessions_url": f"{address}/sessions",
        "sign_in_url": f"{address}/sign-in",
        "invitation_url": f"{address}/invitation",
    }


def _code(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": str(details["code"]),
        "minutes": int(details["expiresMinutes"]),
        "is_reset": details["purpose"] == "RESET",
    }


def _already_registered(_details: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _counted(details: Mapping[str, Any]) -> dict[str, Any]:
    credits_count, unit = int(details["credits"]), str(details["unit"])
    unit_words = unit if credits_count == 1 else f"{unit}s"
    return {
        "credits": credits_count,
        "credits_shown": number(credits_count),
        "unit_words": unit_words,
        "unit_words_title": unit_words.title(),
        "counted": f"{number(credits_count)} {unit_words}",
        "counted_title": f"{number(credits_count)} {unit_words.title()}",
    }


def _bought(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_counted(details),
        "package_name": str(details["packageName"]),
        "price": money.long(int(details["priceMinor"]), str(details["currency"])),
        "reference": str(details["reference"]),
    }


def _receipt(details: Mapping[str, Any]) -> dict[str, Any]:
    institution_id = details.get("institutionId")
    return {
        **_bought(details),
        "paid_at": moment(str(details["paidAt"])),
        "institution": institution_of(details.get("institutionName"), else_="your institution")
        if institution_id
        else None,
        "home_path": f"/institutions/{institution_id}" if institution_id else "/account",
        "invoice_number": details.get("invoiceNumber"),
    }


def moment(rfc3339: str) -> str:
    """A time as people read it; UTC, since a mail does not know its reader's clock."""
    at = datetime.fromisoformat(rfc3339).astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _expiring(details: Mapping[str, Any]) -> dict[str, Any]:
    expires_at = moment(str(details["expiresAt"]))
    ends = "ends" if int(details["credits"]) == 1 else "end"
    given_by = institution_of(details["institutionName"]) if details.get("institutionName") else None
    return {
        **_counted(details),
        "expires_at": expires_at,
        "expires_on": expires_at.partition(",")[0],
        "ends": ends,
        "given_by": given_by,
    }


def _review(details: Mapping[str, Any]) -> dict[str, Any]:
    currency = details.get("currency")
    amounts = {
        name: money.long(int(details[name]), str(currency)) if currency and details.get(name) is not None else None
        for name in ("priceMinor", "paidMinor")
    }
    rows = [
        ("Reason", str(details["reason"]), "strong"),
        ("Payment", str(details["paymentId"]), "small"),
        ("Buyer", details.get("email"), ""),
        ("Package", details.get("packageName"), ""),
        ("Expected", amounts["priceMinor"], ""),
        ("Paid", amounts["paidMinor"], ""),
    ]
    return {"reason": str(details["reason"]), "payment_id": str(details["paymentId"]), "rows": rows}


def _attention(details: Mapping[str, Any]) -> dict[str, Any]:
    lines = [str(line) for line in details["lines"]]
    return {"title": str(details["title"]), "intro": str(details["intro"]), "lines": lines, "hint": details["hint"]}


def _money_back(details: Mapping[str, Any]) -> dict[str, Any]:
    price = money.long(int(details["amountMinor"]), str(details["currency"]))
    figures = {name: {**details, "credits": int(details[name])} for name in ("takenBack", "held", "debt")}
    return {
        **_bought(details),
        "payment_id": str(details["paymentId"]),
        **money_back_words.of(str(details["happened"]), price),
        **{name: _counted(figure)["counted"] if figure["credits"] else None for name, figure in figures.items()},
    }


def _invitation(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "institution": institution_of(details.get("institutionName")),
        "role_words": _ROLE_WORDS[str(details["role"])],
        "is_student": details["role"] == "STUDENT",
        "days": int(details["daysValid"]),
        "token": str(details["token"]),
    }


def institution_of(given: object, *, else_: str = "An institution") -> str:
    """What to call an institution. Anybody may make one, so a name that could hold a link is left out."""
    name = " ".join(str(given or "").split())
    is_plain = all(char in _INSTITUTION_MARKS or unicodedata.category(char)[0] in "LMN" for char in name)
    has_link = any("." in word.rstrip(".") for word in name.split())
    return name if name and is_plain and not has_link and len(name) <= INSTITUTION_LENGTH_MAX else else_


_ROLE_WORDS = {
    "OWNER": "an owner",
    "BILLING": "one of those who pay",
    "MANAGER": "one of those who give sessions to students",
    "STUDENT": "a student",
}
_WORDS = {
    mails.VERIFICATION_CODE: _code,
    mails.ALREADY_REGISTERED: _already_registered,
    mails.RECEIPT: _receipt,
    mails.PAYMENT_FAILED: _bought,
    mails.REVIEW_ALERT: _review,
    mails.ATTENTION: _attention,
    mails.EXPIRY_REMINDER: _expiring,
    mails.INVITATION: _invitation,
    mails.MONEY_BACK: _money_back,
    mails.MONEY_BACK_ALERT: _money_back,
}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("topup.gateway", "letters"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
