"""The milters that Postfix itself is told to use, from the output of postconf. Pure.

`postconf -x smtpd_milters non_smtpd_milters queue_directory` gives main.cf, `postconf -Px` the overrides of
services in master.cf, as `smtp/inet/smtpd_milters = ...`. A list is apart by commas or blanks; an entry with
settings of its own stands in braces, `{ inet:host:port, default_action=accept }`.
"""

import re
from collections.abc import Iterator
from typing import Final

from mmx.errors import InvalidValueError
from mmx.settings.detected import PostfixMilter
from mmx.settings.endpoint import Endpoint, parse_endpoint

PARAMETERS: Final = ("smtpd_milters", "non_smtpd_milters")
DEFAULT_QUEUE: Final = "/var/spool/postfix"
_ENTRY: Final = re.compile(r"\{\s*([^\s,}]+)[^}]*\}|([^\s,{}]+)")


def read_milters(main: bytes, master: bytes) -> tuple[PostfixMilter, ...]:
    """Every milter that a parameter names, under each endpoint that its text may mean."""
    rows = [*_rows(main), *_rows(master)]
    queue = next((value for name, value in rows if name == "queue_directory"), "") or DEFAULT_QUEUE
    milters = []
    for name, value in rows:
        service, _, parameter = name.rpartition("/")
        if parameter in PARAMETERS:
            place = f"{parameter} of {service} in master.cf" if service else f"{parameter} in main.cf"
            for match in _ENTRY.finditer(value):
                text = match[1] or match[2]
                milters += [PostfixMilter(place, endpoint) for endpoint in _endpoints(text, queue)]
    return tuple(milters)


def _rows(output: bytes) -> Iterator[tuple[str, str]]:
    for line in output.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals:
            yield name.strip(), value.strip()


def _endpoints(text: str, queue: str) -> Iterator[Endpoint]:
    """A path of a chrooted service is below the queue directory even when it looks absolute."""
    scheme, _, path = text.partition(":")
    forms = [text]
    if scheme in {"unix", "local"}:
        forms = [f"unix:{queue}/{path.lstrip('/')}", *([text] if path.startswith("/") else [])]
    for form in forms:
        try:
            yield parse_endpoint(form)
        except InvalidValueError:
            continue
