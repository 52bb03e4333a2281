"""What an operator can count from outside: requests, their time, and the pool of connections.

Routes are labelled by their template, never by the address asked for, so that the number of series stays bounded.
In a deployment the figures have a bind address of their own (`serve`); the demo shows them at `/metrics`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client
from fastapi import APIRouter
from starlette.responses import Response

from topup import errors
from topup.web.context import HouseDep

REQUESTS = prometheus_client.Counter("topup_http_requests", "Requests answered.", ("method", "route", "status"))
SECONDS = prometheus_client.Histogram(
    "topup_http_request_seconds",
    "Time to the last byte of the answer.",
    ("route",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
POOL_SIZE = prometheus_client.Gauge("topup_pool_connections", "Open database connections.")
POOL_WAITING = prometheus_client.Gauge("topup_pool_waiting", "Requests that wait for a database connection.")

DELIVERIES = prometheus_client.Counter(
    "topup_deliveries",
    "Deliveries of Stripe's events that were answered, by type and what became of them.",
    ("type", "outcome"),
)
DELIVERY_SECONDS = prometheus_client.Histogram(
    "topup_delivery_seconds",
    "From a delivery's arrival to the commit of its event and effect.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OTHER_VERSIONS = prometheus_client.Counter(
    "topup_deliveries_of_other_versions", "Deliveries in another API version than the one Topup reads."
)

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(house: HouseDep) -> Response:
    """The figures in Prometheus' text format."""
    stats = house.pool.get_stats()
    POOL_SIZE.set(stats.get("pool_size", 0))
    POOL_WAITING.set(stats.get("requests_waiting", 0))
    return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


@contextmanager
def shown(host: str, port: int) -> Iterator[None]:
    """Show the figures at an address of their own; port 0 shows them nowhere."""
    if not port:
        yield
        return
    try:
        server, thread = prometheus_client.start_http_server(port, host)
    except OSError as fault:
        told = f"Port {port} on {host} cannot be used for the figures: {fault.strerror}."
        raise errors.Unavailable(told, code="port_taken") from fault
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
