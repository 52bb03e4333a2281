"""The description of the API: true, complete, and kept where reviewers see it change."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

KEPT = Path(__file__).parent.parent.parent / "docs" / "reference" / "openapi.json"


@pytest.fixture
async def description(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def _operations(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]


async def test_the_kept_description_is_todays(description: dict[str, Any]) -> None:
    """After a change that is meant: `.venv/bin/python scripts/describe_api.py`."""
    assert json.loads(KEPT.read_text(encoding="utf-8")) == description


async def test_every_refusal_is_described_in_its_one_shape(description: dict[str, Any]) -> None:
    for name, operation in _operations(description):
        assert {"500", "503"} <= set(operation["responses"]), name
        assert ("400" in operation["responses"]) or "requestBody" not in operation, name
        for status, response in operation["responses"].items():
            if status >= "400" and name != "GET /ready":
                assert [*response["content"]] == ["application/problem+json"], f"{name} {status}"


async def test_every_operation_has_a_name_of_its_own_and_a_sentence(description: dict[str, Any]) -> None:
    operations = _operations(description)
    twice = [
        name for name, count in Counter(operation["operationId"] for _, operation in operations).items() if count > 1
    ]
    assert twice == []
    assert [name for name, operation in operations if not operation.get("description")] == []


async def test_everything_under_api_is_described_and_nothing_else_but_health(description: dict[str, Any]) -> None:
    others = {path for path in description["paths"] if not path.startswith("/api/")}
    assert others == {"/health", "/ready"}


async def test_no_body_takes_fields_that_it_does_not_name(description: dict[str, Any]) -> None:
    """Fault 68."""
    schemas = description["components"]["schemas"]
    for name, operation in _operations(description):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            reference = content["schema"].get("$ref", "").rpartition("/")[2]
            assert reference == "" or schemas[reference].get("additionalProperties") is False, name


async def test_an_address_says_which_verbs_it_takes(client: httpx2.AsyncClient, description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        answer = await client.request("TRACE", path.replace("{", "").replace("}", ""))
        assert answer.status_code == 405
        assert answer.headers["allow"].split(", ") == sorted(method.upper() for method in operations), path
