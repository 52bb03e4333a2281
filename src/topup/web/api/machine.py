"""The machine door: every call that a host application makes, as routers for the application, the busiest first.

The application tries its routers in order, so the order is part of the speed.
"""

from fastapi import APIRouter

from topup.web.api import accounts, admin_payments, events, grants, holds, keys, reconciliations, spends, transfers

# Made by topup.web.lean, which says where they go.
LEAN: tuple[APIRouter, ...] = (spends.router, holds.router, grants.router, transfers.router)
ROUTERS: tuple[APIRouter, ...] = (accounts.router, keys.router)
# What an admin's token opens, and a key with the scope of admins.
ADMIN: tuple[APIRouter, ...] = (accounts.admin, events.router, admin_payments.router, reconciliations.router)
