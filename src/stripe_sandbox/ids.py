"""Makes object ids in Stripe's habit: a prefix, then random letters and digits.

Prefixes are habit, not contract: nothing in the sandbox decides by them. Keys and secrets come from here too.
"""

import secrets
import string
from typing import Final

ALPHABET: Final = string.ascii_letters + string.digits

LENGTHS: Final = {"cs_test_": 58, "cus_": 14, "prod_": 14, "whsec_": 32}
LENGTH: Final = 24

ACCOUNT: Final = "acct_1SandboxOffline01"
METHOD_CONFIGURATION: Final = "pmc_1SandboxOfflineMethods01"


def new(prefix: str) -> str:
    """Return a fresh id, such as `pi_...`."""
    length = LENGTHS.get(prefix, LENGTH)
    return prefix + random_text(length)


def sibling(of_id: str, prefix: str) -> str:
    """Return an id that begins like another one, as the charges of a payment intent do."""
    stem = of_id.partition("_")[2][: LENGTH - 9]
    return prefix + stem + random_text(9)


def client_secret(of_id: str) -> str:
    """Return the secret that a browser needs to confirm the intent with this id."""
    return f"{of_id}_secret_{random_text(25)}"


def random_text(length: int) -> str:
    """Return letters and digits that cannot be guessed."""
    # One look at the system's randomness for the whole; that 256 is no multiple of 62 matters to nobody here.
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))
