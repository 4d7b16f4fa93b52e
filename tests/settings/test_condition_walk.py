"""Walking over conditions."""

import pytest

from mmx.settings.condition_walk import cycle, leaves_of, own_conditions, when_condition
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.model import Condition, Listener, Settings

HELO = Condition("helo", ("a",))
CLIENT = Condition("client", ("192.0.2.0/24",))


def named(name: str) -> Condition:
    return Condition("named", (name,))


def joined(*parts: Condition, test: str = "all") -> Condition:
    return Condition(test, parts=parts)


OWN = {
    "x": joined(HELO, named("y"), named("local")),
    "y": joined(CLIENT, test="not"),
    "again": joined(named("x"), named("y"), named("x")),
}


def test_every_single_test_is_found_behind_names() -> None:
    assert list(leaves_of(OWN["x"], OWN)) == [HELO, CLIENT, named("local")]
    assert list(leaves_of(OWN["again"], OWN)) == [HELO, CLIENT, named("local")]
    assert list(leaves_of(OWN["x"], {})) == [HELO, named("y"), named("local")]


def test_a_walk_ends() -> None:
    circle = {"a": named("b"), "b": joined(named("a"), HELO)}
    assert list(leaves_of(circle["a"], circle)) == [HELO]
    doubled = {f"c{n}": joined(named(f"c{n + 1}"), named(f"c{n + 1}")) for n in range(100)} | {"c100": HELO}
    assert list(leaves_of(named("c0"), doubled)) == [HELO]


def test_when() -> None:
    assert when_condition(("a", "not b")) == joined(named("a"), joined(named("b"), test="not"))
    assert when_condition(()) == joined()


def test_a_listener_is_a_condition_of_its_name() -> None:
    settings = Settings(
        listeners=(Listener("submission", UnixEndpoint("/run/x")),), conditions=(("x", HELO),)
    )
    assert own_conditions(settings) == {"submission": Condition("listener", ("submission",)), "x": HELO}


def test_a_listener_does_not_take_the_name_of_a_shipped_condition() -> None:
    assert own_conditions(Settings(listeners=(Listener("local", UnixEndpoint("/run/x")),))) == {}


@pytest.mark.parametrize(
    ("own", "name", "way"),
    [
        ({"a": HELO}, "a", ()),
        ({"a": named("a")}, "a", ("a", "a")),
        ({"a": joined(HELO, joined(named("b"), test="not")), "b": named("a")}, "a", ("a", "b", "a")),
        ({"a": named("b"), "b": named("c"), "c": named("b")}, "a", ()),
        ({"a": named("b"), "b": named("c"), "c": named("b")}, "b", ("b", "c", "b")),
        ({"a": joined(named("b"), named("b"), named("local")), "b": HELO}, "a", ()),
    ],
)
def test_cycles(own: dict[str, Condition], name: str, way: tuple[str, ...]) -> None:
    assert cycle(name, own) == way
