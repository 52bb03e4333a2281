"""Stripe's published Bacs test accounts: whether and when a debit from each arrives.

Only numbers and outcomes; `attempts` acts on them.
"""

import dataclasses
from typing import Final

from stripe_sandbox import errors

SORT_CODE: Final = "108800"

FAILURES: Final = {
    "insufficient_funds": "The customer's account has insufficient funds to cover this payment.",
    "debit_not_authorized": "The customer has told their bank that this debit was not authorised.",
}


@dataclasses.dataclass(frozen=True)
class Account:
    """One test account and its fate."""

    number: str
    token: str | None
    title: str
    failure: str | None = None
    is_delayed: bool = False
    is_disputed: bool = False
    refused: str | None = None
    """The message with which the debit is refused at once."""

    @property
    def last4(self) -> str:
        """The digits that people may see."""
        return self.number[-4:]


ALL: Final = (
    Account("00012345", "pm_bacsDebit_success", "Arrives"),
    Account("90012345", "pm_bacsDebit_successDelayed", "Arrives after 3 minutes", is_delayed=True),
    Account("22222227", "pm_bacsDebit_insufficientFunds", "Fails, insufficient funds", "insufficient_funds"),
    Account("92222227", None, "Fails after 3 minutes, insufficient funds", "insufficient_funds", is_delayed=True),
    Account("33333335", "pm_bacsDebit_debitNotAuthorized", "Fails, not authorised", "debit_not_authorized"),
    Account("93333335", None, "Fails after 3 minutes, not authorised", "debit_not_authorized", is_delayed=True),
    Account("55555559", "pm_bacsDebit_dispute", "Arrives, then disputed", is_disputed=True),
    Account("00033333", None, "Mandate refused", refused="The bank refused the mandate for this account."),
    Account("00044444", None, "Cannot be debited", refused="This account cannot be set up for Bacs Direct Debit."),
    Account("34343434", None, "Over the weekly limit", refused="This debit is over the account's weekly limit."),
    Account("12121212", None, "Over the limit per payment", refused="This debit is over the limit for one payment."),
)

BY_NUMBER: Final = {account.number: account for account in ALL}
BY_TOKEN: Final = {account.token: account for account in ALL if account.token}


def read(sort_code: str, account_number: str) -> Account:
    """Return the account that was typed, or refuse it."""
    if _digits(sort_code) != SORT_CODE:
        message = "The sort code is not one of the test sort codes: use 10-88-00."
        raise errors.invalid(message, code="bank_account_unusable", param="sort_code")
    account = BY_NUMBER.get(_digits(account_number))
    if account is None:
        message = "The account number is not one of the test account numbers."
        raise errors.invalid(message, code="bank_account_unusable", param="account_number")
    return account


def _digits(typed: str) -> str:
    return typed.replace(" ", "").replace("-", "")
