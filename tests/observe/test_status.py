"""The frozen picture of the daemon."""

import pytest

from mmx.observe.status import Status


def test_sessions_are_counted() -> None:
    assert Status(0.0, 0.0, "1", sessions={"data": 2, "content": 3}).session_count == 5


@pytest.mark.parametrize(
    ("used", "limit", "full"), [(0, 0, False), (9, 10, False), (10, 10, True), (11, 10, True)]
)
def test_a_full_spool(used: int, limit: int, full: bool) -> None:
    assert Status(0.0, 0.0, "1", spool_used=used, spool_limit=limit).spool_is_full is full
