import pytest

from mmx import errors
from mmx.errors import MmxError, Problem, ProtocolError, SettingsError

CODES: list[tuple[type[MmxError], int]] = [
    (MmxError, 70),
    (ProtocolError, 70),
    (errors.InvalidValueError, 64),
    (SettingsError, 78),
    (errors.UnavailableError, 69),
    (errors.PermissionsError, 77),
    (errors.TemporaryError, 75),
]


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_exit_codes_are_those_of_sysexits(kind: type[MmxError], code: int) -> None:
    assert kind.exit_code == code


def test_the_tree_in_the_docstring_names_every_class() -> None:
    tree = errors.__doc__ or ""
    for kind, _ in CODES:
        assert kind.__name__ in tree


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.yaml", 3, "listen", "tcp:x", "bad", "mend it"), "a.yaml:3: listen: tcp:x: bad; mend it"),
        (Problem("a.yaml", None, "", "", "cannot be read"), "a.yaml: cannot be read"),
    ],
)
def test_problem_text(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_settings_error_keeps_all_problems() -> None:
    problems = [Problem("a", 1, "b", "c", "d"), Problem("a", 2, "e", "f", "g")]
    error = SettingsError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "a:1: b: c: d\na:2: e: f: g"
