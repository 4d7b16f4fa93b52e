"""Random settings that are valid: every field takes every kind of value it may have."""

from hypothesis import strategies as st

from mmx.settings import child_mail
from mmx.settings.catalog import MILTERS, milter_of
from mmx.settings.chain_order import chain_order
from mmx.settings.conditions import SHIPPED
from mmx.settings.endpoint import ChildEndpoint, Endpoint, InetEndpoint, UnixEndpoint, unknown_endpoint
from mmx.settings.model import (
    Action,
    After,
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

# Words that YAML would take for something else are names like any other.
NAMES = st.sampled_from(["archive", "no", "1", "y", "null", "on.x", "A_b", "footer", "opendkim@out", "a@b"])
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\x7f"), min_size=1, max_size=20
)
MILLISECONDS = st.integers(1, 31_536_000_000)
DURATIONS = MILLISECONDS.map(lambda number: number / 1000)
SIZES = st.integers(1, 1 << 40)
HOSTS = st.sampled_from(["localhost", "127.0.0.1", "::1", "mail.example.com", "2001:db8::1"])
INET = st.builds(InetEndpoint, HOSTS, st.integers(1, 65535))
PATHS = TEXTS.map(lambda text: "/" + text.strip("/")[:25] + "x")
UNIX = st.builds(UnixEndpoint, PATHS)
ENDPOINTS: st.SearchStrategy[Endpoint] = UNIX | INET
CHILD_ENDPOINTS: st.SearchStrategy[ChildEndpoint] = ENDPOINTS | TEXTS.map(unknown_endpoint)
ACTIONS = st.sampled_from(Action)
DEFAULT_ACTIONS = st.builds(DefaultAction, ACTIONS, ACTIONS)
MACRO_LISTS = st.lists(st.sampled_from(["j", "_", "{auth_type}", "{client_addr}"]), max_size=3).map(tuple)
STAGES = len(Macros.__slots__)
VERDICTS = st.dictionaries(st.sampled_from(child_mail.VERDICTS), st.sampled_from(child_mail.COUNTS_AS))
SAID = st.lists(st.sampled_from(child_mail.SAID), min_size=1, max_size=3, unique=True).map(tuple)
MACRO_VALUES = st.dictionaries(st.sampled_from(["j", "{auth_type}"]), TEXTS, max_size=2)
NETWORKS = st.sampled_from(["192.0.2.0/24", "2001:db8::/32", "file:/etc/mmx/networks"])
DOMAINS = st.sampled_from(["example.com", ".example.org", "mail*.example.net", "file:/etc/mmx/domains"])
ADDRESSES = st.sampled_from(["<>", "ann@example.com", "*@example.org", "file:/etc/mmx/addresses"])
ZONES = st.sampled_from(["zen.example.org", "list.example.org=127.0.0.[2..11;14]"])


def listener_of(endpoint: Endpoint, name: str | None) -> Listener:
    return Listener(str(endpoint) if name is None else name, endpoint)


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        several.map(lambda these: Condition("all", parts=these)),
        several.map(lambda these: Condition("any", parts=these)),
        parts.map(lambda one: Condition("not", parts=(one,))),
    )


def some(strings: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strings, min_size=1, max_size=3).map(tuple)


GLOBS = some(TEXTS)
LEAVES = st.one_of(
    st.sampled_from(sorted(SHIPPED)).map(lambda name: Condition("named", (name,))),
    some(NETWORKS).map(lambda networks: Condition("client", networks)),
    some(DOMAINS).map(lambda domains: Condition("sender_domain", domains)),
    some(ADDRESSES).map(lambda addresses: Condition("every_recipient", addresses)),
    some(ZONES).map(lambda zones: Condition("dnsbl", zones)),
    some(TEXTS).map(lambda names: Condition("listener", names)),
    GLOBS.map(lambda globs: Condition("header", ("X-Spam", *globs))),
    GLOBS.map(lambda globs: Condition("macro", ("{auth_type}", *globs))),
    SIZES.map(lambda size: Condition("size_above", (str(size),))),
)
CONDITIONS = st.recursive(LEAVES, joined, max_leaves=5)


def macros(names: st.SearchStrategy[tuple[str, ...] | None]) -> st.SearchStrategy[Macros]:
    return st.tuples(*[names] * STAGES).map(lambda stages: Macros(*stages))


def children(name: str) -> st.SearchStrategy[ChildSettings]:
    known = st.none() | CHILD_ENDPOINTS if milter_of(name) else CHILD_ENDPOINTS
    return st.builds(
        ChildSettings,
        name=st.just(name),
        endpoint=known,
        enabled=st.booleans(),
        mode=st.sampled_from(Mode),
        content=st.sampled_from(Content),
        default_action=DEFAULT_ACTIONS,
        connect_timeout=DURATIONS,
        command_timeout=DURATIONS,
        content_timeout=DURATIONS,
        pipelining=st.sampled_from(Pipelining),
        when=st.lists(st.sampled_from(["remote", "not local"]), max_size=2).map(tuple),
        max_size=st.none() | SIZES,
        macros=MACRO_VALUES.map(lambda pairs: tuple(sorted(pairs.items()))),
        recipients=st.sampled_from(Recipients),
        verdicts=VERDICTS.map(lambda pairs: tuple(sorted(pairs.items()))),
        after=st.none() | st.builds(After, st.sampled_from(list(MILTERS)), SAID),
    )


LIMITS = st.builds(
    Limits,
    **dict.fromkeys(
        ["message_timeout", "idle_timeout", "progress_interval", "foreign_event_timeout", "drain_timeout"],
        DURATIONS,
    ),
    **dict.fromkeys(["max_frame", "message_memory", "max_spool", "max_edits", "output_high_water"], SIZES),
    max_observations=st.integers(1, 1000),
    max_sessions=st.none() | st.integers(1, 1000),
    backlog=st.integers(1, 1000),
)


METRICS = st.builds(
    MetricsSettings,
    listen=st.none() | INET,
    hosts=st.lists(HOSTS, max_size=2).map(tuple),
    max_connections=st.integers(1, 1000),
    request_timeout=DURATIONS,
    idle_timeout=DURATIONS,
)


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    names = draw(st.lists(NAMES | st.sampled_from(list(MILTERS)), unique=True, max_size=4))
    order = tuple(draw(st.lists(st.sampled_from(sorted({*MILTERS, *names})), unique=True, max_size=4)))
    listeners = st.builds(listener_of, ENDPOINTS, st.none() | NAMES)
    return Settings(
        listeners=tuple(draw(st.lists(listeners, min_size=1, max_size=2))),
        socket_mode=draw(st.integers(0, 0o777)),
        socket_group=draw(st.none() | TEXTS),
        default_action=draw(DEFAULT_ACTIONS),
        connect_timeout=draw(DURATIONS),
        command_timeout=draw(DURATIONS),
        content_timeout=draw(DURATIONS),
        detect=draw(st.booleans()),
        detect_interval=draw(DURATIONS),
        children=tuple(draw(children(name)) for name in chain_order(names, order)),
        conditions=tuple(draw(st.dictionaries(NAMES, CONDITIONS, max_size=2)).items()),
        local_networks=draw(st.none() | st.lists(NETWORKS, max_size=2).map(tuple)),
        s25r=S25rSettings(draw(some(DOMAINS)), draw(some(DOMAINS))),
        trusted_domains=draw(some(DOMAINS)),
        stressed_above=draw(st.integers(1, 100)),
        dnsbl=DnsblSettings(draw(some(ZONES)), draw(DURATIONS)),
        order=order,
        limits=draw(LIMITS),
        spool_directory=draw(PATHS),
        control_socket=draw(st.none() | PATHS.map(lambda path: f"/control{path}")),
        mta_macros=draw(macros(st.none() | MACRO_LISTS)),
        metrics=draw(METRICS),
        name_in_reply=draw(st.booleans()),
        status=StatusSettings(draw(st.booleans()), draw(DURATIONS)),
        held=HeldSettings(draw(st.none() | PATHS), draw(DURATIONS), draw(SIZES)),
        children_header=draw(st.none() | st.just("X-Mmx-Children")),
        log=LogSettings(
            draw(st.sampled_from(LogFormat)),
            draw(st.sampled_from(LogLevel)),
            draw(st.sampled_from(LogTarget)),
        ),
    )
