"""The machine door: every call that a host application makes, as one list of routers for the application."""

from fastapi import APIRouter

from topup.web.api import accounts, grants, holds, keys, spends, transfers

ROUTERS: tuple[APIRouter, ...] = (
    accounts.router,
    spends.router,
    holds.router,
    grants.router,
    transfers.router,
    keys.router,
)
