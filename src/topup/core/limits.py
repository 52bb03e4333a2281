"""How often things may be tried: the limits on signing in, signing up and mail, and who they are counted for.

Each limit is a bucket (GCRA): `burst` at once, then one every `every_seconds`. A limit by caller and address stands
beside a wider one by address alone, so that one attacker uses up their own allowance and not the victim's (faults 71,
72). The machine door and buying have limits of their own.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

DEMO_ALLOWANCE = 20


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, then one every `every_seconds`."""

    name: str
    burst: int
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. In a demo everybody comes from this one machine, so a caller is allowed more."""

    address: str
    allowance: int = 1


@dataclass(frozen=True, slots=True)
class Charge:
    """One unit of one limit for one subject."""

    limit: Limit
    bucket: str


SIGN_IN_OF_CALLER = Limit("sign-in of caller", burst=60, every_seconds=2)
SIGN_IN_TO_ACCOUNT_BY_CALLER = Limit("sign-in to account by caller", burst=20, every_seconds=30)
SIGN_IN_TO_ACCOUNT = Limit("sign-in to account", burst=100, every_seconds=10)
SIGN_UP_OF_CALLER = Limit("sign-up of caller", burst=30, every_seconds=20)
CODE_OF_CALLER = Limit("code of caller", burst=60, every_seconds=10)
CODE_TO_ADDRESS_BY_CALLER = Limit("code to address by caller", burst=10, every_seconds=300)
CODE_TO_ADDRESS = Limit("code to address", burst=20, every_seconds=1200)
CODE_TO_ANYBODY = Limit("code to anybody", burst=1000, every_seconds=0.2)
INVITATION_TO_ADDRESS = Limit("invitation to address", burst=10, every_seconds=3600)
INVITATION_BY_PERSON = Limit("invitation by person", burst=300, every_seconds=20)
GUESS_OF_CALLER = Limit("guess of caller", burst=30, every_seconds=60)
GUESS_OF_ANYBODY = Limit("guess of anybody", burst=2000, every_seconds=10)


def of_caller(key: bytes, limit: Limit, caller: Caller) -> Charge:
    """Count for where the request comes from, whoever it is about."""
    return _charge(key, _widened(limit, caller), network_of(caller.address))


def of_pair(key: bytes, limit: Limit, caller: Caller, address: str) -> Charge:
    """Count for one caller's tries at one mail address."""
    return _charge(key, limit, f"{network_of(caller.address)} {address}")


def of_address(key: bytes, limit: Limit, address: str) -> Charge:
    """Count for a mail address, whoever asks."""
    return _charge(key, limit, address)


def of_all(key: bytes, limit: Limit, caller: Caller) -> Charge:
    """Count for the whole deployment."""
    return _charge(key, _widened(limit, caller), "")


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _widened(limit: Limit, caller: Caller) -> Limit:
    return Limit(limit.name, limit.burst * caller.allowance, limit.every_seconds / caller.allowance)


def _charge(key: bytes, limit: Limit, subject: str) -> Charge:
    """The bucket's name hides the subject, so that the table holds no addresses."""
    hidden = hmac.digest(key, f"{limit.name}\n{subject}".encode(), hashlib.sha256).hex()[:32]
    return Charge(limit, f"{limit.name}:{hidden}")
