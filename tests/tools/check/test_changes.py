"""What a reload would change."""

import json
from dataclasses import replace
from typing import Any

from mmx.settings.detected import Detection, Found
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.show import show_json
from mmx.tools.check.changes import Changes, changes

A, B = (ChildSettings(name, UnixEndpoint(f"/run/{name}")) for name in "ab")


def loaded(*children: ChildSettings, found: str = "") -> Loaded:
    detected = tuple(
        Found(child.name, child.endpoint, "unit")
        for child in children
        if child.name in found and child.endpoint
    )
    return Loaded(Settings(children=children), {}, detection=Detection(detected))


def in_force(*children: ChildSettings, found: str = "") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(show_json(loaded(*children, found=found)))
    return told


def test_nothing() -> None:
    assert changes(in_force(A, found="a"), loaded(A, found="a")) == Changes()


def test_children_of_the_host() -> None:
    assert changes(in_force(A, found="a"), loaded(A, B, found="ab")) == Changes(joins=("b",))
    assert changes(in_force(A, B, found="ab"), loaded(A, found="a")) == Changes(leaves=("b",))
    moved = replace(A, endpoint=UnixEndpoint("/elsewhere"))
    assert changes(in_force(A, found="a"), loaded(moved, found="a")) == Changes(moves=("a",))


def test_children_of_the_files() -> None:
    assert changes(in_force(A), loaded(A, B)) == Changes(keys=("children.b",))
    assert changes(in_force(A, B), loaded(A)) == Changes(keys=("children.b",))
    moved = replace(A, endpoint=UnixEndpoint("/elsewhere"), connect_timeout=1.0)
    keys = ("children.a.endpoint", "children.a.connect_timeout")
    assert changes(in_force(A), loaded(moved)) == Changes(keys=keys)


def test_an_answer_of_another_version() -> None:
    told = {"settings": {"children": None, "new": 1}}
    assert "new" in changes(told, loaded()).keys
