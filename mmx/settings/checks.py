"""What only the whole of the settings can tell: errors, warnings, and what this version does not do yet.

A setting that is read but not yet acted upon earns a warning that says what happens instead.
"""

from itertools import combinations

from mmx.settings.catalog import MILTERS, milter_of
from mmx.settings.chain_checks import check_chain
from mmx.settings.condition_checks import check_conditions
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, UnknownEndpoint, is_loopback, same_place
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.section import Findings
from mmx.settings.values import did_you_mean


def check(settings: Settings, findings: Findings) -> None:
    """Note every error and warning that concerns more than one key."""
    _check_listeners(settings, findings)
    _check_http(settings, findings)
    _check_names(settings, findings)
    for child in settings.children:
        _check_child(child, settings, findings)
    _check_pairs(settings, findings)
    _tell_what_was_found(settings, findings)
    check_chain(settings, findings)
    check_conditions(settings, findings)
    if not settings.chain:
        findings.warn("children", "", "no child is in the chain", "until one is, all mail passes unfiltered")


def _check_listeners(settings: Settings, findings: Findings) -> None:
    for one, other in combinations(settings.listeners, 2):
        if one.name == other.name or same_place(one.endpoint, other.endpoint):
            findings.refuse("listen", str(other.endpoint), f"the same as {one.name}", "remove one of the two")
    for listener in settings.listeners:
        if isinstance(listener.endpoint, InetEndpoint):
            message = "every local user can talk to a TCP listener, and have mail signed through it"
            findings.warn("listen", str(listener.endpoint), message, "prefer unix:PATH")
    if settings.control_socket is not None:
        _check_control_socket(settings.control_socket, settings, findings)
    if settings.socket_mode & 0o007:
        value = f"{settings.socket_mode:04o}"
        findings.warn(
            "socket_mode", value, "every local user can talk to mmx", 'prefer "0660" and socket_group'
        )


def _check_http(settings: Settings, findings: Findings) -> None:
    listen = settings.metrics.listen
    if listen is not None and not is_loopback(listen.host):
        message = "whoever reaches this address can read metrics and status: there is no password"
        findings.warn(
            "metrics.listen", str(listen).removeprefix("inet:"), message, "let only Prometheus reach it"
        )
    for listener in settings.listeners:
        if listen is not None and same_place(listen, listener.endpoint):
            findings.refuse(
                "metrics.listen", str(listen), "mmx listens for the MTA there", "choose another port"
            )


def _check_control_socket(path: str, settings: Settings, findings: Findings) -> None:
    others = [listener.endpoint for listener in settings.listeners]
    others += [child.endpoint for child in settings.children if isinstance(child.endpoint, UnixEndpoint)]
    if any(same_place(UnixEndpoint(path), other) for other in others):
        findings.refuse("control_socket", path, "a milter socket has the same path", "choose another one")


def _check_names(settings: Settings, findings: Findings) -> None:
    children = {child.name for child in settings.children}
    _check_list("order", settings.order, children | set(MILTERS), findings)


def _check_list(key: str, names: tuple[str, ...], known: set[str], findings: Findings) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            findings.refuse(key, name, "named twice", "keep one of the two")
        elif name not in known and milter_of(name) is None:
            findings.refuse(key, name, "no such child", did_you_mean(name, known))


def _check_child(child: ChildSettings, settings: Settings, findings: Findings) -> None:
    key = f"children.{child.name}"
    if child.endpoint is None:
        if milter_of(child.name) is None:
            remedy = did_you_mean(child.name, MILTERS)
            remedy = remedy if remedy.startswith("did") else 'write endpoint: "unix:/PATH" below it'
            findings.refuse(key, "", "neither a milter that mmx knows nor given an endpoint", remedy)
        elif child.enabled:
            findings.warn(key, "", f"not in the chain: {_absence(child, settings, findings)}")
        return
    for listener in settings.listeners:
        if same_place(child.endpoint, listener.endpoint):
            message = f"this is mmx itself, which listens on {listener.endpoint}"
            findings.refuse(f"{key}.endpoint", str(child.endpoint), message, "name the socket of the milter")


def _absence(child: ChildSettings, settings: Settings, findings: Findings) -> str:
    """Why a milter that mmx knows has no endpoint."""
    if not settings.detect:
        return "it has no endpoint, and with `detect: no` milters are not looked for"
    reasons = [skipped.reason for skipped in findings.detection.skipped if skipped.name == child.name]
    return "; ".join(reasons) or "it has no endpoint, and is not installed here"


def _tell_what_was_found(settings: Settings, findings: Findings) -> None:
    detection = findings.detection
    for note in detection.notes:
        findings.warn("detect", "", note)
    found = {milter.name: milter for milter in detection.found}
    skipped = {milter.name: milter.reason for milter in detection.skipped}
    for child in (*settings.chain, *settings.observed):
        key = f"children.{child.name}"
        place = "in the chain" if child in settings.chain else "observing"
        if isinstance(child.endpoint, UnknownEndpoint):
            message = f"{place} and down: {child.endpoint.reason}"
            findings.warn(key, "", message, "mend it, write its endpoint, or `enabled: no`")
        if child.name in found and found[child.name].note:
            findings.warn(key, "", found[child.name].note)
        if child.name in skipped:
            message = f"{place} because the settings give it an endpoint, although {skipped[child.name]}"
            findings.warn(f"{key}.endpoint", str(child.endpoint), message)


def _check_pairs(settings: Settings, findings: Findings) -> None:
    as_found = {(milter.name, milter.endpoint) for milter in findings.detection.found}
    for one, other in combinations(settings.children, 2):
        if {(one.name, one.endpoint), (other.name, other.endpoint)} <= as_found:
            continue  # detection has its own note: only one of them can listen there
        if one.endpoint and other.endpoint and same_place(one.endpoint, other.endpoint):
            message = f"{one.name} has the same endpoint, so its milter sees each message twice"
            findings.warn(
                f"children.{other.name}.endpoint", str(other.endpoint), message, "remove one of the two"
            )
