"""The JSON Schema of mmx.yaml, made from the settings model; editors complete and check with it.

    python -m mmx.settings.schema >etc/mmx.schema.json

Fields of the dataclasses become properties by their types: what is a float is a duration, an int a size
unless it counts something. Only what a file writes otherwise than the model has it is spelt out here. The
schema accepts whatever the loader accepts; the loader refuses more, such as names that nobody has.
"""

import json
import sys
import types
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from mmx.settings.catalog import MILTERS
from mmx.settings.child_mail import COUNTS_AS, SAID, VERDICTS
from mmx.settings.conditions import KINDS, SHIPPED
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, UnknownEndpoint
from mmx.settings.model import (
    Action,
    After,
    ChildSettings,
    DefaultAction,
    DnsblSettings,
    HeldSettings,
    Limits,
    LogSettings,
    Macros,
    MetricsSettings,
    Pipelining,
    S25rSettings,
    Settings,
    StatusSettings,
)
from mmx.settings.show import as_tree

Schema = dict[str, Any]

_NAME: Final = "[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
_UNIX: Final = "(unix|local):/.*[^/]"
_MACRO: Final = r"[A-Za-z_]|\{[A-Za-z0-9_]{2,64}\}"
_INET: Final = r"inet:([0-9]+@.+|.+:[0-9]+)"
# Fields of type int that are numbers of something, not of bytes.
_COUNTS: Final = frozenset({"max_observations", "max_sessions", "backlog", "max_connections"})
_STRING: Final[Schema] = {"type": "string", "minLength": 1}
_STRINGS: Final[Schema] = {"type": "array", "items": _STRING}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _map(properties: Schema, **more: Any) -> Schema:
    """A map with these keys; a key without a value is an empty map."""
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False, **more}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_or_more(item: Schema) -> Schema:
    """A list of at least one, or that one without brackets."""
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


_GLOBS: Final = _one_or_more(_STRING)

DEFINITIONS: Final[Schema] = {
    # YAML 1.2 reads yes and no as strings.
    "boolean": {"enum": [True, False, "yes", "no", "on", "off"]},
    "duration": _text("[0-9]{1,18}(ms|s|m|h|d)"),
    "size": _text("[0-9]{1,18}(B|KiB|MiB|GiB)"),
    "mode": _text("0?[0-7]{3}"),
    "name": _text(_NAME),
    "endpoint": _text(f"{_UNIX}|{_INET}"),
    "child_endpoint": _text(f"{_UNIX}|{_INET}|unknown:.+"),
    "address": _text(f"({_INET}|.+:[0-9]+)"),
    "names": {"type": "array", "items": _ref("name")},
    "macro": _text(_MACRO),
    "macros": {"type": "array", "items": _ref("macro")},
    "action": {"enum": [*Action]},
}


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of mmx",
        "$defs": DEFINITIONS
        | {
            "default_action": {"anyOf": [_ref("action"), _of(DefaultAction)]},
            "condition": _condition(),
            "child": _of(ChildSettings, _CHILD),
        },
        **_with_defaults(_of(Settings, _WHOLE)),
    }


def text() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=2) + "\n"


def _of(model: type, other: dict[str, Schema | None] | None = None) -> Schema:
    """A map with a property for each field; `other` has those that a file writes otherwise, None for none."""
    hints = get_type_hints(model)
    properties = {field.name: _by_type(field.name, hints[field.name]) for field in fields(model)}
    properties |= {name: value for name, value in (other or {}).items() if value is not None}
    return _map(
        {name: value for name, value in properties.items() if (other or {}).get(name, value) is not None}
    )


def _by_type(name: str, hint: Any) -> Schema:
    """The schema of a field, by its type."""
    if get_origin(hint) in {types.UnionType, Union}:
        kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
        if {UnixEndpoint, InetEndpoint} <= set(kinds):
            single = _ref("child_endpoint" if UnknownEndpoint in kinds else "endpoint")
        else:
            single = _by_type(name, kinds[0])
        return _nullable(single) if types.NoneType in get_args(hint) else single
    if get_origin(hint) is tuple:
        return _STRINGS
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [*hint]}
    return _PLAIN[hint](name)


_PLAIN: Final[dict[Any, Callable[[str], Schema]]] = {
    bool: lambda _name: _ref("boolean"),
    float: lambda _name: _ref("duration"),
    int: lambda name: {"type": "integer", "minimum": 1} if name in _COUNTS else _ref("size"),
    str: lambda _name: {"type": "string", "minLength": 1},
    InetEndpoint: lambda _name: _ref("address"),
    DefaultAction: lambda _name: _ref("default_action"),
    Macros: lambda _name: _map({stage: _nullable(_ref("macros")) for stage in Macros.__slots__}),
    Limits: lambda _name: _of(Limits),
    LogSettings: lambda _name: _of(LogSettings),
    StatusSettings: lambda _name: _of(StatusSettings),
    HeldSettings: lambda _name: _of(HeldSettings),
    MetricsSettings: lambda _name: _of(MetricsSettings),
    S25rSettings: lambda _name: _of(S25rSettings),
    After: lambda _name: _of(After, {"child": _ref("name"), "said": _one_or_more({"enum": [*SAID]})}),
    DnsblSettings: lambda _name: _of(DnsblSettings),
}

_CHILD: Final[dict[str, Schema | None]] = {
    "name": None,
    "when": {"type": "array", "items": _text(f"(not +)?{_NAME}")},
    "verdicts": {
        "type": "object",
        "propertyNames": {"enum": [*VERDICTS]},
        "additionalProperties": {"enum": [*COUNTS_AS]},
    },
    "macros": {"type": "object", "propertyNames": _ref("macro"), "additionalProperties": _STRING},
    "pipelining": {"anyOf": [_ref("boolean"), {"enum": [Pipelining.HEADERS]}]},
}


def _named_things(item: Schema, known: tuple[str, ...] = ()) -> Schema:
    properties = dict.fromkeys(known, _ref("child"))
    return _map(properties, additionalProperties=item, propertyNames=_ref("name"))


def _listen() -> Schema:
    named = {"name": _ref("name"), "endpoint": _ref("endpoint")}
    one = {"anyOf": [_ref("endpoint"), _map(named, type="object", required=[*named])]}
    return {"anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}]}


_WHOLE: Final[dict[str, Schema | None]] = {
    "listeners": None,
    "listen": _listen(),
    "socket_mode": _ref("mode"),
    "control_socket": _nullable(_text("(unix:)?/.*[^/]")),
    "children": _named_things(_nullable(_ref("child")), tuple(MILTERS)),
    "conditions": _named_things(_ref("condition")),
    "order": _ref("names"),
    "stressed_above": _text("0*([1-9][0-9]?|100)%"),
    "tables": None,
}


def _condition() -> Schema:
    """The name of a condition, or a map of tests."""
    several = {"type": "array", "items": _ref("condition"), "minItems": 1}
    tests = {
        **dict.fromkeys(("all", "any"), several),
        "not": _ref("condition"),
        **dict.fromkeys((*KINDS, "listener", "dnsbl"), _GLOBS),
        "size_above": _ref("size"),
        "header": {"type": "object", "minProperties": 1, "additionalProperties": _GLOBS},
        "macro": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": _ref("macro"),
            "additionalProperties": _GLOBS,
        },
    }
    name = _text(f"(not +)?({_NAME})")
    return {"anyOf": [{"enum": sorted(SHIPPED)}, name, _map(tests, type="object", minProperties=1)]}


def _with_defaults(whole: Schema) -> Schema:
    defaults = as_tree(Settings())
    for name, value in whole["properties"].items():
        if not isinstance(defaults[name], dict):
            value_with_default = {**value, "default": defaults[name]}
            whole["properties"][name] = value_with_default
    return whole


if __name__ == "__main__":
    sys.stdout.write(text())
