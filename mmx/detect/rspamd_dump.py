"""Rspamd's proxy worker, as `rspamadm configdump --json worker` prints it.

The output is one JSON object a worker, one behind the other: `{"rspamd_proxy": {"bind_socket": ..., ...}}`.
Several workers of one type may also come as a list. `bind_socket` is one text or a list of them.
"""

import json
from collections.abc import Iterator
from typing import Any

PROXY = "rspamd_proxy"


def read_workers(output: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and options of every worker; raises ValueError if this is no such output."""
    decoder = json.JSONDecoder()
    rest = output.strip()
    while rest:
        item, end = decoder.raw_decode(rest)
        if not isinstance(item, dict):
            raise ValueError("not an object")
        for name, workers in item.items():
            for worker in workers if isinstance(workers, list) else [workers]:
                if isinstance(worker, dict):
                    yield name, worker
        rest = rest[end:].lstrip()


def read_proxy(output: str) -> tuple[str, ...] | None:
    """What the milter worker binds to; None if there is none, as its `milter` or `enabled` may be off."""
    sockets: tuple[str, ...] = ()
    for name, worker in read_workers(output):
        if name != PROXY or worker.get("milter") is not True or worker.get("enabled") is False:
            continue
        if worker.get("count") == 0:
            continue
        bound = worker.get("bind_socket", [])
        texts = bound if isinstance(bound, list) else [bound]
        sockets += tuple(text for text in texts if isinstance(text, str))
    return sockets or None
