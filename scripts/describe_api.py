"""Writes docs/reference/openapi.json anew from the code; `git diff` then shows what changed for callers.

Run it with the development environment: `.venv/bin/python scripts/describe_api.py`.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from topup.settings import Settings
from topup.web import app

if TYPE_CHECKING:
    from topup.runtime.house import House

DESCRIPTION = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def text() -> str:
    """The description as it is kept. It needs no open house, since it is made from the routes alone."""
    described = app.create_app(cast("House", SimpleNamespace(settings=Settings()))).openapi()
    return json.dumps(described, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    DESCRIPTION.write_text(text(), encoding="utf-8")
    print(f"wrote {DESCRIPTION}")
