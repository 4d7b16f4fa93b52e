import pytest

from mmx.settings.catalog import CATALOG, MILTERS, Role, milter_of
from mmx.settings.conditions import SHIPPED
from mmx.settings.model import Content, Pipelining
from mmx.settings.values import parse_name


def test_entries_stand_in_the_usual_order_of_the_chain() -> None:
    assert [milter.rank for milter in CATALOG] == sorted(milter.rank for milter in CATALOG)
    assert list(MILTERS) == [milter.name for milter in CATALOG]


def test_every_entry_is_whole() -> None:
    for milter in CATALOG:
        assert parse_name(milter.name) == milter.name
        assert milter.units[0] == milter.name
        assert milter.roles
        assert milter.sources
        assert set(milter.when) <= SHIPPED


def test_no_unit_belongs_to_two_milters() -> None:
    units = [unit for milter in CATALOG for unit in milter.units]
    assert len(units) == len(set(units))


def test_only_a_scanner_that_changes_nothing_sees_the_original() -> None:
    original = [milter for milter in CATALOG if milter.content is not Content.EDITED]
    assert [milter.name for milter in original] == ["clamav-milter"]
    assert all(milter.roles == {Role.SCANS} for milter in original)


def test_rspamd_alone_is_no_libmilter_program() -> None:
    assert [milter.name for milter in CATALOG if milter.pipelining is not Pipelining.YES] == ["rspamd"]


@pytest.mark.parametrize(
    ("child", "milter"),
    [
        ("opendkim", "opendkim"),
        ("opendkim@out", "opendkim"),
        ("opendkim-out", None),
        ("archive", None),
        ("@out", None),
    ],
)
def test_the_milter_behind_a_name(child: str, milter: str | None) -> None:
    found = milter_of(child)
    assert (found and found.name) == milter
