import pytest

from mmx.detect.facts import Absence, Facts, Failure, Unit


@pytest.mark.parametrize(
    ("source", "is_script"),
    [("/etc/init.d/x", True), ("/etc/rc.d/init.d/x", True), ("/etc/fstab", False), ("", False)],
)
def test_units_made_of_init_scripts(source: str, is_script: bool) -> None:
    assert Unit("x.service", source=source).from_init_script is is_script


def test_an_absence_is_a_failure_that_nobody_is_to_blame_for() -> None:
    assert isinstance(Absence("x"), Failure)
    assert Facts({}).workers is None
