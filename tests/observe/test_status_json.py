"""A status through JSON and back."""

import json
from dataclasses import replace

import pytest

from mmx.errors import InvalidValueError
from mmx.observe.status import ChildStatus, Status
from mmx.observe.status_json import as_json, from_json
from tests.observe import example


def test_it_comes_back_equal_but_for_the_settings() -> None:
    status = example.status()
    tree = json.loads(json.dumps(as_json(status)))
    assert from_json(tree) == replace(status, settings_text="")


def test_another_version_knows_more_or_less() -> None:
    tree = as_json(Status(1.0, 0.5, "9", children=(ChildStatus("a", "unix:/a"),)))
    tree["unheard_of"] = 1
    del tree["max_sessions"]
    del tree["children"][0]["origin"]
    read = from_json(tree)
    assert (read.version, read.max_sessions, read.children[0].origin) == ("9", 0, "")


@pytest.mark.parametrize(
    "tree", [None, [], {}, {"at": "x"}, {"at": 1, "started": 1, "version": 1, "children": 3}]
)
def test_what_is_no_status(tree: object) -> None:
    with pytest.raises(InvalidValueError, match="not a status"):
        from_json(tree)
