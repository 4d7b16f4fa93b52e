"""The table of pages that the HTTP server has: each path to what answers it.

/            the status page; with ?renew it asks the browser to load it again every few seconds
/style.css   its style
/metrics     for Prometheus: OpenMetrics if it asks for that, else its own text format
/-/healthy   200 while the event loop turns
/-/ready     200 while mail can be done, else 503 and why

The status page costs some milliseconds in which the event loop does no mail, so one that is a moment old is
given out again.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from mmx.aio.http import Handler, Request, Response, Routes
from mmx.aio.readiness import Standing, healthy, ready_page
from mmx.observe.exposition import Exposition
from mmx.observe.page import page
from mmx.observe.status import Status
from mmx.observe.style import STYLE

FRESH: Final = 0.2
"""Seconds that a status page is given out again."""
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


def routes(
    *, standing: Callable[[], Standing], status: Callable[[], Status], metrics: CollectorRegistry
) -> Routes:
    """All pages; each asks for what it shows when it is asked for."""
    return {
        "/": _status_page(status),
        "/style.css": _style,
        "/metrics": _metrics_page(metrics),
        "/-/healthy": healthy,
        "/-/ready": ready_page(standing),
    }


def _status_page(status: Callable[[], Status]) -> Handler:
    made: dict[bool, tuple[float, bytes]] = {}

    def show(request: Request) -> Response:
        renews = request.query == "renew"
        at, body = made.get(renews, (-FRESH, b""))
        if time.monotonic() - at >= FRESH:
            body = page(status(), renews=renews).encode("utf-8", "replace")
            made[renews] = time.monotonic(), body
        return Response(body=body, content_type="text/html; charset=utf-8")

    return show


def _metrics_page(metrics: CollectorRegistry) -> Handler:
    exposition = Exposition()

    def scrape(request: Request) -> Response:
        if _asks_for_openmetrics(request.headers.get("accept", "")):
            return Response(body=exposition.openmetrics(metrics.collect()), content_type=OPENMETRICS)
        return Response(body=exposition.plain(metrics.collect()), content_type=PROMETHEUS)

    return scrape


def _asks_for_openmetrics(accept: str) -> bool:
    """Whether a client takes OpenMetrics. What prometheus-client would answer repeats the version that the
    client has named, whatever it is, and a version that is no number makes it raise.
    """
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        return False
    return content_type.startswith("application/openmetrics-text")


def _style(_: Request) -> Response:
    return Response(body=STYLE.encode(), content_type="text/css; charset=utf-8")
