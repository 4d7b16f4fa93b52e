"""The merged document to `Settings`: one function a section, one line a key.

A key that is wrong is noted and takes its default, so that one run tells everything that is wrong. What no
single key can tell, such as two listeners on one socket, is left to mmx.settings.checks.
"""

from dataclasses import replace
from typing import Final

from mmx.errors import InvalidValueError
from mmx.settings import child_mail, conditions, entries, values
from mmx.settings.catalog import milter_of
from mmx.settings.chain_order import chain_order
from mmx.settings.detected import Detection, Found, Look, look_nowhere
from mmx.settings.document import Items, Node, Scalar, Table
from mmx.settings.endpoint import ChildEndpoint
from mmx.settings.model import (
    Action,
    ChildSettings,
    Condition,
    Content,
    DefaultAction,
    DnsblSettings,
    HeldSettings,
    Limits,
    Listener,
    LogFormat,
    LogLevel,
    LogSettings,
    LogTarget,
    Macros,
    MetricsSettings,
    Mode,
    Pipelining,
    Recipients,
    S25rSettings,
    Settings,
    StatusSettings,
)
from mmx.settings.section import Findings, Section
from mmx.settings.values import refusal

DEFAULTS: Final = Settings()

_MACROS: Final = values.list_of(values.macro)
_DOMAINS: Final = entries.any_number(entries.DOMAINS)
_NETWORKS: Final = values.nullable(entries.any_number(entries.NETWORKS))
_MACROS_OR_POSTFIX: Final = values.nullable(_MACROS)


def build(root: Table, findings: Findings, look: Look = look_nowhere) -> Settings:
    """Read the whole document; what is wrong goes to `findings`. Milters are looked for if it says so."""
    top = Section(root, "", findings)
    action = _default_action(top, DEFAULTS.default_action, "")
    shared = Settings(
        listeners=top.take("listen", values.one_or_list_of(listener), DEFAULTS.listeners),
        socket_mode=top.take("socket_mode", values.mode, DEFAULTS.socket_mode),
        socket_group=top.take("socket_group", values.nullable(values.text), DEFAULTS.socket_group),
        default_action=action,
        connect_timeout=top.take("connect_timeout", values.duration(), DEFAULTS.connect_timeout),
        command_timeout=top.take("command_timeout", values.duration(), DEFAULTS.command_timeout),
        content_timeout=top.take("content_timeout", values.duration(), DEFAULTS.content_timeout),
        detect=top.take("detect", values.boolean, DEFAULTS.detect),
        detect_interval=top.take("detect_interval", values.duration(0), DEFAULTS.detect_interval),
        conditions=_conditions(top),
        local_networks=top.take("local_networks", _NETWORKS, DEFAULTS.local_networks),
        s25r=_s25r(top.section("s25r")),
        trusted_domains=top.take("trusted_domains", _DOMAINS, DEFAULTS.trusted_domains),
        stressed_above=top.take("stressed_above", entries.percent, DEFAULTS.stressed_above),
        dnsbl=_dnsbl(top.section("dnsbl")),
        order=top.take("order", values.list_of(values.name), DEFAULTS.order),
        limits=_limits(top.section("limits")),
        spool_directory=top.take("spool_directory", values.directory, DEFAULTS.spool_directory),
        control_socket=top.take(
            "control_socket", values.nullable(values.socket_path), DEFAULTS.control_socket
        ),
        mta_macros=_mta_macros(top),
        metrics=_metrics(top.section("metrics")),
        children_header=top.take(
            "children_header", values.nullable(values.private_header), DEFAULTS.children_header
        ),
        name_in_reply=top.take("name_in_reply", values.boolean, DEFAULTS.name_in_reply),
        log=_log(top.section("log")),
        status=_status(top.section("status")),
        held=_held(top.section("held")),
    )
    findings.detection = look(shared.detect)
    children = _children(top.section("children"), shared, findings.detection)
    top.finish()
    chain = chain_order(children, shared.order)
    return replace(shared, children=tuple(children[name] for name in chain))


def listener(node: Node) -> Listener:
    """An endpoint, or a map of a name and an endpoint."""
    if not isinstance(node, Table):
        place = values.endpoint(node)
        return Listener(str(place), place)
    if set(node.entries) != {"name", "endpoint"}:
        raise refusal(node, "not a listener", 'write "ENDPOINT" or {name: NAME, endpoint: "ENDPOINT"}')
    return Listener(values.name(node.entries["name"]), values.endpoint(node.entries["endpoint"]))


def _default_action(above: Section, default: DefaultAction, origin: str) -> DefaultAction:
    """One word for both kinds of failure, or a map with a word for each; what is left out is inherited."""
    read = values.choice(Action)
    node = above.node("default_action")
    if isinstance(node, Scalar):
        word = above.read("default_action", node, read, None)
        for part in ("unreachable", "died"):
            above.findings.origins[f"{above.key('default_action')}.{part}"] = str(node.place)
        return default if word is None else DefaultAction(word, word)
    both = above.section("default_action")
    action = DefaultAction(
        both.take("unreachable", read, default.unreachable, f"{origin}.unreachable" if origin else "default"),
        both.take("died", read, default.died, f"{origin}.died" if origin else "default"),
    )
    both.finish()
    return action


def _limits(part: Section) -> Limits:
    default = DEFAULTS.limits
    limits = Limits(
        message_timeout=part.take("message_timeout", values.duration(), default.message_timeout),
        idle_timeout=part.take("idle_timeout", values.duration(), default.idle_timeout),
        progress_interval=part.take("progress_interval", values.duration(), default.progress_interval),
        foreign_event_timeout=part.take(
            "foreign_event_timeout", values.duration(), default.foreign_event_timeout
        ),
        drain_timeout=part.take("drain_timeout", values.duration(0), default.drain_timeout),
        max_frame=part.take("max_frame", values.size, default.max_frame),
        message_memory=part.take("message_memory", values.size, default.message_memory),
        max_spool=part.take("max_spool", values.size, default.max_spool),
        max_edits=part.take("max_edits", values.size, default.max_edits),
        output_high_water=part.take("output_high_water", values.size, default.output_high_water),
        max_observations=part.take(
            "max_observations", values.integer(1, 1_000_000), default.max_observations
        ),
        max_sessions=part.take(
            "max_sessions", values.nullable(values.integer(1, 1_000_000)), default.max_sessions
        ),
        backlog=part.take("backlog", values.integer(1, 1_000_000), default.backlog),
    )
    part.finish()
    return limits


def _macros(part: Section, default: Macros, read: values.Reader[tuple[str, ...] | None]) -> Macros:
    macros = Macros(
        connect=part.take("connect", read, default.connect),
        helo=part.take("helo", read, default.helo),
        mail=part.take("mail", read, default.mail),
        rcpt=part.take("rcpt", read, default.rcpt),
        data=part.take("data", read, default.data),
        end_of_header=part.take("end_of_header", read, default.end_of_header),
        end_of_message=part.take("end_of_message", read, default.end_of_message),
        unknown=part.take("unknown", read, default.unknown),
    )
    part.finish()
    return macros


def _mta_macros(top: Section) -> Macros:
    """Null, for all stages or for one, means: ask Postfix."""
    macros = _macros(top.section("mta_macros"), DEFAULTS.mta_macros, _MACROS_OR_POSTFIX)
    node = top.table.entries.get("mta_macros") if top.table else None
    if isinstance(node, Scalar) and node.kind == "null":
        origins = top.findings.origins
        origins |= {key: str(node.place) for key in origins if key.startswith("mta_macros.")}
    return macros


def _metrics(part: Section) -> MetricsSettings:
    default = DEFAULTS.metrics
    metrics = MetricsSettings(
        listen=part.take("listen", values.nullable(values.address), default.listen),
        hosts=part.take("hosts", values.list_of(values.host), default.hosts),
        max_connections=part.take("max_connections", values.integer(1, 1000), default.max_connections),
        request_timeout=part.take("request_timeout", values.duration(), default.request_timeout),
        idle_timeout=part.take("idle_timeout", values.duration(), default.idle_timeout),
    )
    part.finish()
    return metrics


def _status(part: Section) -> StatusSettings:
    status = StatusSettings(
        part.take("addresses", values.boolean, DEFAULTS.status.addresses),
        part.take("slow_after", values.duration(), DEFAULTS.status.slow_after),
    )
    part.finish()
    return status


def _held(part: Section) -> HeldSettings:
    held = HeldSettings(
        part.take("ledger", values.nullable(values.file), DEFAULTS.held.ledger),
        part.take("keep", values.duration(), DEFAULTS.held.keep),
        part.take("max_size", values.size, DEFAULTS.held.max_size),
    )
    part.finish()
    return held


def _log(part: Section) -> LogSettings:
    log = LogSettings(
        part.take("format", values.choice(LogFormat), DEFAULTS.log.format),
        part.take("level", values.choice(LogLevel), DEFAULTS.log.level),
        part.take("to", values.choice(LogTarget), DEFAULTS.log.to),
    )
    part.finish()
    return log


def _conditions(top: Section) -> tuple[tuple[str, Condition], ...]:
    """A condition may name any other, and also a listener."""
    part = top.section("conditions")
    names = _valid_names(part)
    listen = top.table.entries.get("listen") if top.table else None
    read = conditions.condition([*names, *_listener_names(listen)])
    return tuple((name, part.take(name, read, Condition("all"))) for name in names)


def _listener_names(node: Node | None) -> list[str]:
    nodes = node.items if isinstance(node, Items) else (node,)
    names = [each.entries.get("name") for each in nodes if isinstance(each, Table)]
    return [name.text for name in names if isinstance(name, Scalar)]


def _s25r(part: Section) -> S25rSettings:
    lists = S25rSettings(
        part.take("allow", _DOMAINS, DEFAULTS.s25r.allow), part.take("deny", _DOMAINS, DEFAULTS.s25r.deny)
    )
    part.finish()
    return lists


def _dnsbl(part: Section) -> DnsblSettings:
    lists = DnsblSettings(
        part.take("zones", values.list_of(conditions.zone), DEFAULTS.dnsbl.zones),
        part.take("timeout", values.duration(), DEFAULTS.dnsbl.timeout),
    )
    part.finish()
    return lists


def _children(part: Section, shared: Settings, detection: Detection) -> dict[str, ChildSettings]:
    found = {milter.name: milter for milter in detection.found}
    names = _valid_names(part)
    children = {name: _child(part.section(name), name, shared, found.get(name)) for name in names}
    for name, milter in found.items():
        if name not in children:
            children[name] = _child(Section(None, part.key(name), part.findings), name, shared, milter)
    return children


def _child(part: Section, name: str, shared: Settings, found: Found | None) -> ChildSettings:
    """One child: what the files say, else what was found, else what suits its milter."""
    default = default_child(name)
    usual = "default" if milter_of(name) is None else f"default for {name}"
    timeout = values.duration()
    child = ChildSettings(
        name=name,
        endpoint=_child_endpoint(part, found),
        enabled=part.take("enabled", values.boolean, default.enabled),
        mode=part.take("mode", values.choice(Mode), default.mode),
        content=part.take("content", values.choice(Content), default.content, usual),
        default_action=_default_action(part, shared.default_action, "default_action"),
        connect_timeout=part.take("connect_timeout", timeout, shared.connect_timeout, "connect_timeout"),
        command_timeout=part.take("command_timeout", timeout, shared.command_timeout, "command_timeout"),
        content_timeout=part.take("content_timeout", timeout, shared.content_timeout, "content_timeout"),
        pipelining=part.take("pipelining", values.yes_no_or(Pipelining), default.pipelining, usual),
        when=part.take("when", values.list_of(conditions.when_word), default.when, usual),
        max_size=part.take("max_size", values.nullable(values.size), default.max_size),
        macros=part.take("macros", child_mail.macros, default.macros),
        recipients=part.take("recipients", values.choice(Recipients), default.recipients),
        verdicts=part.take("verdicts", child_mail.verdicts, default.verdicts),
        after=part.take("after", child_mail.after, default.after),
    )
    part.finish()
    return child


def _child_endpoint(part: Section, found: Found | None) -> ChildEndpoint | None:
    """What the files say; null, like nothing at all, leaves it to detection."""
    endpoint = part.take("endpoint", values.nullable(values.child_endpoint), None)
    if endpoint is None and found is not None:
        part.findings.origins[part.key("endpoint")] = found.origin
        return found.endpoint
    return endpoint


def default_child(name: str) -> ChildSettings:
    """A child of which nothing is said but its name."""
    milter = milter_of(name)
    if milter is None:
        return ChildSettings(name)
    return ChildSettings(name, content=milter.content, pipelining=milter.pipelining, when=milter.when)


def _valid_names(part: Section) -> list[str]:
    """The administrator's names in a section; those unusable in logs and metrics are refused."""
    good = []
    for name in part.names():
        try:
            good.append(values.parse_name(name))
        except InvalidValueError as error:
            part.findings.refuse(part.key(name), "", error.message, error.remedy)
    return good
