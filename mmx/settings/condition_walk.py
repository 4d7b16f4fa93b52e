"""Walking over conditions: the single tests in one, with the conditions that it names.

A name leads to another condition of the settings, or to a shipped one, which is a test by itself. Conditions
that lead back to themselves are found here too; the walks end at them, since the settings are refused then.
"""

from collections.abc import Iterable, Iterator, Mapping

from mmx.settings.conditions import SHIPPED
from mmx.settings.model import Condition, Settings


def leaves_of(condition: Condition, named: Mapping[str, Condition]) -> Iterator[Condition]:
    """Every single test in a condition; `named` are the settings' own, by name, each walked through once."""
    seen: set[str] = set()
    waiting = [condition]
    while waiting:
        one = waiting.pop()
        name = one.values[0] if one.test == "named" else ""
        if name in named:
            if name not in seen:
                seen.add(name)
                waiting.append(named[name])
        elif one.parts:
            waiting.extend(reversed(one.parts))
        else:
            yield one


def when_condition(words: Iterable[str]) -> Condition:
    """The condition that `when` stands for: all of its words must hold."""
    return Condition("all", parts=tuple(_word(word) for word in words))


def _word(word: str) -> Condition:
    name = word.removeprefix("not ")
    named = Condition("named", (name,))
    return named if name == word else Condition("not", parts=(named,))


def own_conditions(settings: Settings) -> dict[str, Condition]:
    """Names to conditions: those of the settings, and one for each listener whose name no shipped one has."""
    names = [listener.name for listener in settings.listeners if listener.name not in SHIPPED]
    return {name: Condition("listener", (name,)) for name in names} | dict(settings.conditions)


def cycle(name: str, named: Mapping[str, Condition]) -> tuple[str, ...]:
    """The names by which a condition leads back to itself, itself first and last; () if it does not."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for other in _names_in(named[way[-1]]):
            if other == name:
                return (*way, name)
            if other in named and other not in seen:
                seen.add(other)
                ways.append((*way, other))
    return ()


def _names_in(condition: Condition) -> Iterator[str]:
    if condition.test == "named":
        yield condition.values[0]
    for part in condition.parts:
        yield from _names_in(part)
