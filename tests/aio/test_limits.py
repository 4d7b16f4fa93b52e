"""Descriptors and sessions."""

import resource

import pytest

from mmx.aio.limits import connection_limit, raise_descriptor_limit, session_limit


def test_the_soft_limit_becomes_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 300), hard))
    try:
        assert raise_descriptor_limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("configured", "descriptors", "children", "sessions"),
    [
        (None, 1024, 3, 256),
        (None, 4096, 3, 672),
        (None, 65536, 5, 8184),
        (None, 64, 0, 256),
        (10, 65536, 3, 10),
        (100_000, 1024, 3, 100_000),
    ],
)
def test_session_limit(configured: int | None, descriptors: int, children: int, sessions: int) -> None:
    assert session_limit(configured, descriptors=descriptors, children=children) == sessions


@pytest.mark.parametrize(
    ("sessions", "descriptors", "children", "connections"),
    [(672, 4096, 3, 672 + 672), (100, 1064, 3, 100 + 500), (256, 512, 3, 256), (10, 64, 0, 10)],
)
def test_connection_limit(sessions: int, descriptors: int, children: int, connections: int) -> None:
    assert connection_limit(sessions, descriptors=descriptors, children=children) == connections
