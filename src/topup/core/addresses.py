"""The one rule by which two spellings of a mail address are the same person (fault 84).

Trimmed, then NFKC, then lower case; the domain in its ASCII form (IDNA 2008). The part before the `@` must be plain
ASCII after that, so that no look-alike letter makes a second person; quoted parts, comments and address literals are
not taken. Dots and `+tags` stay: they may lead to different mailboxes. Everything that stores or compares an address
calls this first.
"""

import re
import unicodedata

import idna

LENGTH_MAX = 254
_LOCAL_LENGTH_MAX = 64
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def canonical(text: str) -> str:
    """The address as we store it. ValueError, with a sentence to show, when it is none that we take."""
    local, at, domain = unicodedata.normalize("NFKC", text.strip()).lower().rpartition("@")
    domain = _ascii(domain)
    if not at or len(local) > _LOCAL_LENGTH_MAX or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("This must be a mail address such as name@example.com.")
    address = f"{local}@{domain}"
    if len(address) > LENGTH_MAX:
        raise ValueError(f"This must be at most {LENGTH_MAX} characters long.")
    return address


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return ""
