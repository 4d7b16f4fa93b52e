import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from mmx.settings.model import ChildSettings, Limits, Settings
from mmx.settings.schema import schema, text
from mmx.settings.show import as_tree
from tests.settings.strategies import settings

ETC = Path(__file__).parent.parent.parent / "etc"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def faults(tree: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(tree)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_file_is_up_to_date() -> None:
    assert (ETC / "mmx.schema.json").read_text() == text(), (
        "python -m mmx.settings.schema >etc/mmx.schema.json"
    )
    assert json.loads(text()) == schema()


def test_every_field_has_its_property() -> None:
    whole = schema()
    names = {field.name for field in fields(Settings)} - {"listeners", "tables"} | {"listen"}
    assert set(whole["properties"]) == names
    child = whole["$defs"]["child"]["properties"]
    assert set(child) == {field.name for field in fields(ChildSettings)} - {"name"}
    assert set(whole["properties"]["limits"]["properties"]) == {field.name for field in fields(Limits)}


@given(settings())
def test_every_valid_settings_fit(whole: Settings) -> None:
    assert faults(as_tree(whole)) == []


@pytest.mark.parametrize("path", sorted(ETC.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_fit(path: Path) -> None:
    assert faults(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{}",
        "children:",
        "children: {opendkim: }",
        "children: {opendkim@out: {default_action: accept}}",
        "listen: {name: a, endpoint: 'unix:/run/a'}",
        "listen: inet:8891@localhost",
        "default_action: {died: accept}",
        "mta_macros: null",
        "conditions: {a: {any: [remote, {client: 192.0.2.0/24}]}, b: {header: {X-Spam: yes*}}}",
        "detect: 'no'",
    ],
)
def test_what_the_loader_accepts_fits(document: str) -> None:
    assert faults(yaml.safe_load(document) or {}) == []


@pytest.mark.parametrize(
    "document",
    [
        "lisen: unix:/run/a",
        "listen: tcp:1",
        "listen: []",
        "listen: unknown:x",
        "socket_mode: 660",
        "connect_timeout: 5",
        "default_action: discard",
        "detect: maybe",
        "limits: {max_frame: 65}",
        "limits: {backlog: 0}",
        "children: {opendkim: {endpont: 'unix:/run/a'}}",
        "children: {a b: {}}",
        "children: {a: {content: changed}}",
        "children: {a: {when: [not a b]}}",
        "children: {a: {verdicts: {accept: maybe}}}",
        "conditions: {a: {}}",
        "conditions: {a: some where}",
        "conditions: {a: {macro: {auth_type: x}}}",
        "stressed_above: 0%",
        "children: {a: {after: {child: b, said: nothing}}}",
        "children: {a: {recipients: some}}",
        "metrics: {listen: 9850}",
        "log: {level: loud}",
    ],
)
def test_what_is_wrong_is_seen(document: str) -> None:
    assert faults(yaml.safe_load(document)) != []
