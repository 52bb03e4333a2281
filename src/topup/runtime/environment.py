"""Reads the settings for a command, or says in one sentence which variable cannot be read.

What a variable holds is never repeated, since it may be a secret.
"""

import pydantic

from topup import errors
from topup.settings import Settings


def read() -> Settings:
    """The settings of this process's environment."""
    try:
        return Settings.from_environment()
    except pydantic.ValidationError as fault:
        told = "; ".join(
            f"{str(one['loc'][0]).upper()} {_words(one['msg'])}" for one in fault.errors(include_input=False)
        )
        raise errors.Unavailable(f"The environment cannot be read: {told}.", code="settings_unreadable") from None
    except (OSError, UnicodeError) as fault:
        name = getattr(fault, "filename", None) or "a file"
        raise errors.Unavailable(
            f"{name}, which a setting names, cannot be read.", code="settings_unreadable"
        ) from fault


def _words(found: str) -> str:
    return found.replace("Input should be", "must be").replace("a valid integer, unable to parse string as an", "an")
