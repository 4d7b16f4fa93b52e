"""The effective settings as a file: every value there is, each followed by where it came from.

The text loads back to equal settings, so it can be kept, compared and used. That holds with and without
looking for milters, as each child found has its endpoint written out; who wants to keep the file and have
them looked for anew at each reload removes these lines. Lists and conditions stand on one line; strings are
always quoted, and what is not printable ASCII in them is escaped.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from mmx.settings.detected import Detection
from mmx.settings.load import Loaded
from mmx.settings.model import After, ChildSettings, Condition, Listener, Macros, Settings
from mmx.settings.units import format_duration, format_mode, format_size

# A line of the output: a dotted key and its value in YAML, or None for a key that only opens a map.
Row = tuple[tuple[str, ...], str | None]
INDENT: Final = "  "
_PLAIN_KEY: Final = re.compile(r"[a-z][a-z0-9_-]*")
# What YAML 1.1 reads as a boolean or null.
_OTHER_TYPES: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LIMIT_TIMES: Final = (
    "message_timeout",
    "idle_timeout",
    "progress_interval",
    "foreign_event_timeout",
    "drain_timeout",
)
_LIMIT_SIZES: Final = ("max_frame", "message_memory", "max_spool", "max_edits", "output_high_water")
_NOTHING: Final = Detection()
_ON_ENDPOINTS: Final = "# Endpoints of detected milters stand here as found; without them, detection decides."
_TIMEOUTS: Final = ("connect_timeout", "command_timeout", "content_timeout")


def show(settings: Settings, origins: Mapping[str, str], detection: Detection = _NOTHING) -> str:
    """Write settings as YAML; `origins` maps dotted keys to what is told about them."""
    lines = ["# The effective configuration of mmx. Behind each value: where it comes from."]
    for path, value in _rows(settings):
        indent = INDENT * (len(path) - 1)
        key = _key(path[-1])
        if value is None:
            lines.append(f"{indent}{key}:")
            continue
        origin = origins.get(".".join(path), "default")
        lines.append(f"{indent}{key}: {value}  # {_comment(origin)}")
    if detection.found:
        lines.append(_ON_ENDPOINTS)
    lines += [f"# skipped {_comment(left.name)}: {_comment(left.reason)}" for left in detection.skipped]
    lines += [f"# note: {_comment(note)}" for note in detection.notes]
    return "\n".join(lines) + "\n"


def show_json(loaded: Loaded) -> str:
    """The same for programs: a JSON object of settings, origins, milters found and skipped, and warnings."""
    detection = loaded.detection
    found = [
        {"name": milter.name, "endpoint": str(milter.endpoint), "origin": milter.origin, "note": milter.note}
        for milter in detection.found
    ]
    whole = {
        "settings": as_tree(loaded.settings),
        "origins": dict(loaded.origins),
        "chain": [child.name for child in loaded.settings.chain],
        "observed": [child.name for child in loaded.settings.observed],
        "found": found,
        "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in detection.skipped],
        "warnings": [str(warning) for warning in loaded.warnings],
    }
    return json.dumps(whole, indent=2) + "\n"


def as_tree(settings: Settings) -> dict[str, Any]:
    """Settings as nested maps of plain values, as they stand in a file."""
    tree: dict[str, Any] = {}
    for path, value in _rows(settings):
        branch = tree
        for key in path[:-1]:
            branch = branch[key]
        branch[path[-1]] = {} if value is None else yaml.safe_load(value)
    return tree


def quoted(text: str) -> str:
    """A YAML string in double quotes."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _rows(settings: Settings) -> Iterator[Row]:
    yield ("listen",), _list(_listener(listener) for listener in settings.listeners)
    yield ("socket_mode",), quoted(format_mode(settings.socket_mode))
    yield ("socket_group",), _scalar(settings.socket_group)
    yield from _default_action((), settings)
    for name in _TIMEOUTS:
        yield (name,), quoted(format_duration(getattr(settings, name)))
    yield ("detect",), _scalar(settings.detect)
    yield ("detect_interval",), quoted(format_duration(settings.detect_interval))
    yield from _limits(settings)
    yield ("spool_directory",), quoted(settings.spool_directory)
    yield ("control_socket",), _scalar(settings.control_socket)
    yield ("mta_macros",), None
    yield from _macros(("mta_macros",), settings.mta_macros)
    yield from _metrics(settings)
    yield ("name_in_reply",), _scalar(settings.name_in_reply)
    yield ("children_header",), _scalar(settings.children_header)
    yield ("log",), None
    yield ("log", "format"), settings.log.format
    yield ("log", "level"), settings.log.level
    yield ("log", "to"), settings.log.to
    yield ("status",), None
    yield ("status", "addresses"), _scalar(settings.status.addresses)
    yield ("status", "slow_after"), quoted(format_duration(settings.status.slow_after))
    yield ("held",), None
    yield ("held", "ledger"), _scalar(settings.held.ledger)
    yield ("held", "keep"), quoted(format_duration(settings.held.keep))
    yield ("held", "max_size"), quoted(format_size(settings.held.max_size))
    yield ("conditions",), None
    for name, condition in settings.conditions:
        yield ("conditions", name), _condition(condition)
    networks = settings.local_networks
    yield ("local_networks",), "null" if networks is None else _strings(networks)
    yield ("s25r",), None
    yield ("s25r", "allow"), _strings(settings.s25r.allow)
    yield ("s25r", "deny"), _strings(settings.s25r.deny)
    yield ("trusted_domains",), _strings(settings.trusted_domains)
    yield ("stressed_above",), quoted(f"{settings.stressed_above}%")
    yield ("dnsbl",), None
    yield ("dnsbl", "zones"), _strings(settings.dnsbl.zones)
    yield ("dnsbl", "timeout"), quoted(format_duration(settings.dnsbl.timeout))
    yield ("order",), _strings(settings.order)
    yield ("children",), None
    for child in settings.children:
        yield from _child(child)


def _metrics(settings: Settings) -> Iterator[Row]:
    metrics = settings.metrics
    yield ("metrics",), None
    listen = metrics.listen
    yield ("metrics", "listen"), "null" if listen is None else quoted(str(listen).removeprefix("inet:"))
    yield ("metrics", "hosts"), _strings(metrics.hosts)
    yield ("metrics", "max_connections"), _scalar(metrics.max_connections)
    yield ("metrics", "request_timeout"), quoted(format_duration(metrics.request_timeout))
    yield ("metrics", "idle_timeout"), quoted(format_duration(metrics.idle_timeout))


def _limits(settings: Settings) -> Iterator[Row]:
    limits = settings.limits
    yield ("limits",), None
    for name in _LIMIT_TIMES:
        yield ("limits", name), quoted(format_duration(getattr(limits, name)))
    for name in _LIMIT_SIZES:
        yield ("limits", name), quoted(format_size(getattr(limits, name)))
    yield ("limits", "max_observations"), _scalar(limits.max_observations)
    yield ("limits", "max_sessions"), _scalar(limits.max_sessions)
    yield ("limits", "backlog"), _scalar(limits.backlog)


def _child(child: ChildSettings) -> Iterator[Row]:
    here = ("children", child.name)
    yield here, None
    yield (*here, "endpoint"), "null" if child.endpoint is None else quoted(str(child.endpoint))
    yield (*here, "enabled"), _scalar(child.enabled)
    yield (*here, "mode"), child.mode
    yield (*here, "content"), child.content
    yield from _default_action(here, child)
    for name in _TIMEOUTS:
        yield (*here, name), quoted(format_duration(getattr(child, name)))
    yield (*here, "pipelining"), child.pipelining
    yield (*here, "when"), _strings(child.when)
    yield (*here, "max_size"), "null" if child.max_size is None else quoted(format_size(child.max_size))
    yield (*here, "macros"), _map((quoted(name), quoted(value)) for name, value in child.macros)
    yield (*here, "recipients"), child.recipients
    yield (*here, "verdicts"), _map((word, quoted(instead)) for word, instead in child.verdicts)
    yield (*here, "after"), "null" if child.after is None else _after(child.after)


def _after(after: After) -> str:
    return _map([("child", quoted(after.child)), ("said", _strings(after.said))])


def _default_action(above: tuple[str, ...], owner: Settings | ChildSettings) -> Iterator[Row]:
    here = (*above, "default_action")
    yield here, None
    yield (*here, "unreachable"), owner.default_action.unreachable
    yield (*here, "died"), owner.default_action.died


def _macros(above: tuple[str, ...], macros: Macros) -> Iterator[Row]:
    for stage in Macros.__slots__:
        names = getattr(macros, stage)
        yield (*above, stage), "null" if names is None else _strings(names)


def _listener(listener: Listener) -> str:
    endpoint = quoted(str(listener.endpoint))
    if listener.name == str(listener.endpoint):
        return endpoint
    return _map([("name", quoted(listener.name)), ("endpoint", endpoint)])


def _condition(condition: Condition) -> str:
    if condition.test in {"all", "any"}:
        return _map([(condition.test, _list(_condition(part) for part in condition.parts))])
    if condition.test == "not":
        return _map([("not", _condition(condition.parts[0]))])
    if condition.test == "named":
        return quoted(condition.values[0])
    if condition.test in {"header", "macro"}:
        name, *globs = condition.values
        return _map([(condition.test, _map([(quoted(name), _strings(globs))]))])
    if condition.test == "size_above":
        return _map([("size_above", quoted(format_size(int(condition.values[0]))))])
    return _map([(condition.test, _strings(condition.values))])


def _scalar(value: str | bool | int | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else str(value)


def _strings(items: Iterable[str]) -> str:
    return _list(quoted(item) for item in items)


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(items) + "]"


def _map(items: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) and name not in _OTHER_TYPES else quoted(name)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if 32 <= code < 127:
        return char
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
