"""What a reload would change: the settings in force beside those of the files and the host. Pure.

Children that come from the host, by detection, are told of by name; everything else by its dotted key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmx.settings.load import Loaded
from mmx.settings.show import as_tree


@dataclass(frozen=True, slots=True)
class Changes:
    """Children found that join, those that leave, those that listen elsewhere now; keys that differ."""

    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def changes(in_force: Mapping[str, Any], loaded: Loaded) -> Changes:
    """What would change; `in_force` is what `mmx --show-config --running --json` prints."""
    old, new = _map(in_force.get("settings")), as_tree(loaded.settings)
    before, after = _map(old.get("children")), _map(new.get("children"))
    found = {one.name: str(one.endpoint) for one in loaded.detection.found}
    was_found = {one.get("name") for one in in_force.get("found", ())}
    joins = tuple(name for name in after if name not in before and name in found)
    leaves = tuple(name for name in before if name not in after and name in was_found)
    moves = tuple(
        name
        for name in after
        if name in before
        and before[name].get("endpoint") != after[name]["endpoint"]
        and after[name]["endpoint"] == found.get(name)
    )
    told = {f"children.{name}" for name in (*joins, *leaves)} | {
        f"children.{name}.endpoint" for name in moves
    }
    keys = tuple(key for key in _differing(old, new, "") if key not in told)
    return Changes(joins, leaves, moves, keys)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _differing(old: Any, new: Any, path: str) -> Iterator[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield path
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _differing(old.get(key), new.get(key), f"{path}.{key}" if path else key)
