"""Whether the process lives (`/health`) and whether it can serve (`/ready`), for supervisors and load balancers.

`/health` touches nothing, so that a database restart does not get healthy processes killed.
"""

from functools import cache
from typing import Literal

import psycopg
from fastapi import APIRouter
from starlette.responses import JSONResponse

from topup.db import migrate, readiness
from topup.runtime.house import Pool
from topup.web.api.models import Answer
from topup.web.context import HouseDep

router = APIRouter(tags=["Health"])


class Health(Answer):
    """The process answers."""

    status: Literal["OK"] = "OK"


class Readiness(Answer):
    """Each check by name: `ok`, or what is wrong with it."""

    status: Literal["READY", "NOT_READY"]
    checks: dict[str, str]


@router.get("/health")
async def health() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
async def ready(house: HouseDep) -> JSONResponse:
    """Say whether the process can serve, check by check."""
    checks = await _checks(house.pool)
    is_ready = all(result == "ok" for result in checks.values())
    answer = Readiness(status="READY" if is_ready else "NOT_READY", checks=checks)
    return JSONResponse(answer.model_dump(), 200 if is_ready else 503)


async def _checks(pool: Pool) -> dict[str, str]:
    try:
        async with pool.connection() as conn:
            revision = await readiness.schema_revision(conn)
    except psycopg.Error:
        return {"database": "not answering", "schema": "unknown"}
    return {"database": "ok", "schema": "ok" if revision == _wanted_revision() else f"at {revision or 'nothing'}"}


@cache
def _wanted_revision() -> str | None:
    return migrate.head_revision()
