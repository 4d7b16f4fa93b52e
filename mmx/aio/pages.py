"""The table of pages that the HTTP server has: each path to what answers it.

/            the status page; with ?renew it asks the browser to load it again every few seconds
/style.css   its style
/metrics     for Prometheus
/-/healthy   200 while the event loop turns
/-/ready     200 while mail can be done, else 503 and why
"""

from collections.abc import Callable

from mmx.aio.http import Handler, Request, Response, Routes
from mmx.aio.readiness import Standing, healthy, ready_page
from mmx.observe.page import page
from mmx.observe.status import Status
from mmx.observe.style import STYLE


def routes(*, standing: Callable[[], Standing], status: Callable[[], Status]) -> Routes:
    """All pages; each asks for what it shows when it is asked for."""
    return {
        "/": _status_page(status),
        "/style.css": _style,
        "/-/healthy": healthy,
        "/-/ready": ready_page(standing),
    }


def _status_page(status: Callable[[], Status]) -> Handler:
    def show(request: Request) -> Response:
        text = page(status(), renews=request.query == "renew")
        return Response(body=text.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")

    return show


def _style(_: Request) -> Response:
    return Response(body=STYLE.encode(), content_type="text/css; charset=utf-8")
