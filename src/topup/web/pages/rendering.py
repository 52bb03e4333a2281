"""The one Jinja environment: autoescapes everything, refuses names it was not given, knows our filters.

Templates get finished values and decide nothing. Called by frame.py, and by the tests with sample values.
"""

import functools
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import jinja2

from topup.web.pages import assets, figures

TEMPLATES = Path(__file__).parent.parent / "templates"
HOME = "/account"


def html(template: str, **values: object) -> str:
    """One template with its values."""
    return _environment().get_template(template).render(**values)


def next_query(path: str) -> str:
    """The query that carries where to go after signing in; empty when that is the usual place."""
    return "" if path == HOME else "?" + urlencode({"next": path})


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cast("dict[str, object]", environment.globals).update(asset=assets.address)
    cast("dict[str, object]", environment.filters).update(
        whole=figures.whole,
        signed=figures.signed,
        next_query=next_query,
        iso=datetime.isoformat,
    )
    return environment
