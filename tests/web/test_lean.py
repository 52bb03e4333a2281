"""Lean routes answer as every route does: the same refusals, in the same shapes, in the same order."""

from typing import Annotated

import pytest
from fastapi import Query
from starlette.responses import Response

from tests.web.machines import Machine
from topup.web import lean

PATH = "/api/accounts/01a20000-0000-7000-8000-000000000000/spends"


async def test_body_of_another_type_is_a_415(machine: Machine) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"):
        headers = {"Idempotency-Key": "k", "Content-Type": content_type}
        answer = await machine.client.post(PATH, content=b'{"amount": 1}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), content_type


async def test_json_is_json_however_its_type_is_written(machine: Machine) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"):
        headers = {"Idempotency-Key": "k", "Content-Type": content_type}
        answer = await machine.client.post(PATH, content=b'{"amount": 1}', headers=headers)
        assert answer.status_code == 404, content_type


async def test_missing_body_is_a_400(machine: Machine) -> None:
    answer = await machine.client.post(PATH, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "A JSON body is required.")


async def test_body_that_is_no_object_is_a_422(machine: Machine) -> None:
    for body in ([], "text", 7, None):
        answer = await machine.post(PATH, [body] if body is None else body)
        assert answer.status_code == 422, body


async def test_wrong_verb_is_a_405_that_says_which_are_right(machine: Machine) -> None:
    answer = await machine.client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_strangers_learn_nothing_of_what_would_be_wrong(machine: Machine) -> None:
    headers = {"Authorization": "", "Content-Type": "application/json"}
    for body in (b"{", b"{}", b'{"amount": 0}', b""):
        answer = await machine.client.post(PATH, content=body, headers=headers)
        assert answer.status_code == 401, body


async def test_too_large_a_body_is_a_413(machine: Machine) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await machine.client.post(PATH, content=b" " * (1024 * 1024 + 1), headers=headers)
    assert answer.status_code == 413


def test_parameter_that_cannot_be_filled_is_refused_when_the_route_is_made() -> None:
    async def handler(limit: Annotated[int, Query()]) -> Response:
        return Response(str(limit))

    with pytest.raises(TypeError, match="cannot fill the parameter limit"):
        lean.router("Any").get("/any")(handler)
