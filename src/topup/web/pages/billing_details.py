"""The form of an institution's billing details: filled from the row, judged by the rules of the JSON interface.

Pure. An address is whole or empty, and so is a tax id; each field has one sentence that says what to enter.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
from babel import Locale

from topup.db.institutions import Institution
from topup.web.api import institutions as bodies
from topup.web.pages import forms

NAMES = ("billing_email", "company", "line1", "line2", "city", "postal_code", "country", "tax_kind", "tax_number")
TAX_KINDS: Mapping[str, str] = {
    "gb_vat": "United Kingdom, VAT",
    "eu_vat": "European Union, VAT",
    "ie_vat": "Ireland, VAT",
    "us_ein": "United States, EIN",
    "ca_gst_hst": "Canada, GST or HST",
    "au_abn": "Australia, ABN",
    "nz_gst": "New Zealand, GST",
    "ch_vat": "Switzerland, VAT",
    "no_vat": "Norway, VAT",
    "ae_trn": "United Arab Emirates, TRN",
    "in_gst": "India, GST",
    "sg_gst": "Singapore, GST",
    "jp_cn": "Japan, corporate number",
    "za_vat": "South Africa, VAT",
}
"""Stripe's words for the kinds that are offered here; over JSON any of Stripe's is taken."""
_ADDRESS = {"line1": "line1", "line2": "line2", "city": "city", "postal_code": "postalCode", "country": "country"}
_WHAT_TO_ENTER = {
    "billing_email": "Enter a whole address, such as name@example.com.",
    "company": "Enter a name of up to 200 characters.",
    "line1": "Enter the first line of the address, or empty the whole address.",
    "line2": "Enter a line of up to 200 characters.",
    "city": "Enter the town, or empty the whole address.",
    "postal_code": "Enter a postcode of up to 30 characters.",
    "country": "Choose the country, or empty the whole address.",
    "tax_kind": "Choose what kind of number this is, or empty it.",
    "tax_number": "Enter the number, or choose none.",
}
_FIELDS = {
    ("billingEmail",): "billing_email",
    ("company",): "company",
    ("taxId", "type"): "tax_kind",
    ("taxId", "value"): "tax_number",
    **{("billingAddress", sent): name for name, sent in _ADDRESS.items()},
}
"""Where the interface finds a fault, and which field of the form that is."""


def of_institution(row: Institution) -> forms.Form:
    """The form as it stands."""
    return forms.Form(
        {
            "billing_email": row.billing_email,
            "company": row.company or "",
            "line1": row.address_line1 or "",
            "line2": row.address_line2 or "",
            "city": row.city or "",
            "postal_code": row.postal_code or "",
            "country": row.country or "",
            "tax_kind": row.tax_id_type or "",
            "tax_number": row.tax_id or "",
        }
    )


def judge(sent: Mapping[str, str]) -> tuple[bodies.InstitutionChanges | None, forms.Form]:
    """The change that the JSON interface would take, or the form with what to enter where."""
    typed = {name: sent[name].strip() for name in NAMES}
    try:
        return bodies.InstitutionChanges.model_validate(_body(typed)), forms.Form(typed)
    except pydantic.ValidationError as error:
        places = [tuple(fault["loc"]) for fault in error.errors(include_url=False, include_context=False)]
        wrong = {_FIELDS[place] for place in places if place in _FIELDS}
        return None, forms.Form(typed, {name: _WHAT_TO_ENTER[name] for name in NAMES if name in wrong})


@functools.cache
def countries() -> Sequence[tuple[str, str]]:
    """Every country's code and English name, by name; the codes that are no country are left out."""
    named = Locale("en", "GB").territories
    found = [(code, name) for code, name in named.items() if _is_country(code)]
    return sorted(found, key=lambda country: country[1])


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code.isupper() and code not in _NO_COUNTRIES  # noqa: PLR2004 - ISO 3166


_NO_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})


def _body(typed: Mapping[str, str]) -> dict[str, Any]:
    """As the JSON interface is sent it; what is empty is emptied."""
    address = {sent: typed[name] or None for name, sent in _ADDRESS.items()}
    tax_id = {"type": typed["tax_kind"], "value": typed["tax_number"]}
    return {
        "billingEmail": typed["billing_email"],
        "company": typed["company"] or None,
        "billingAddress": address if any(address.values()) else None,
        "taxId": tax_id if any(tax_id.values()) else None,
    }
