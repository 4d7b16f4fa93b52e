"""What only the whole of the settings can tell about conditions: names, cycles, and ways past a scanner."""

from mmx.settings.catalog import MILTERS, Role, milter_of
from mmx.settings.chain_checks import roles_of
from mmx.settings.chosen import ways_past
from mmx.settings.condition_walk import cycle, leaves_of, own_conditions, when_condition
from mmx.settings.conditions import SHIPPED
from mmx.settings.model import ChildSettings, Condition, Recipients, Settings
from mmx.settings.mta_macros import MTA_MACROS
from mmx.settings.section import Findings
from mmx.settings.values import did_you_mean

_SCANNING = frozenset({Role.SCANS, Role.VERIFIES})
_OF_RECIPIENT = frozenset({"recipient", "recipient_domain"})


def check_conditions(settings: Settings, findings: Findings) -> None:
    """Note every error and warning about conditions and what children make of them."""
    _check_conditions(settings, findings)
    for child in settings.children:
        _check_when(child, settings, findings)
        _check_after(child, settings, findings)


def _check_conditions(settings: Settings, findings: Findings) -> None:
    named = own_conditions(settings)
    listeners = {listener.name for listener in settings.listeners}
    for name, condition in settings.conditions:
        key = f"conditions.{name}"
        if name in SHIPPED:
            findings.refuse(key, "", "the name of a shipped condition", "choose another name")
        if name in listeners:
            findings.refuse(key, "", "also the name of a listener", "choose another name")
        way = cycle(name, named)
        if way:
            findings.refuse(key, " > ".join(way), "leads back to itself", "take one of the names out")
        for test in leaves_of(condition, {}):
            _check_test(key, test, settings, findings)


def _check_test(key: str, test: Condition, settings: Settings, findings: Findings) -> None:
    if test.test == "listener":
        known = {listener.name for listener in settings.listeners}
        for name in sorted(set(test.values) - known):
            message = "no listener of the settings, so it must be the FileDescriptorName= of a socket"
            findings.warn(key, name, message, did_you_mean(name, known))
    if test.test == "macro" and test.values[0] not in MTA_MACROS:
        message = "no macro of Postfix or Sendmail that mmx knows; it is asked for at MAIL"
        findings.warn(key, test.values[0], message, did_you_mean(test.values[0], MTA_MACROS))
    if test.test == "named":
        _check_shipped(key, test.values[0], settings, findings)


def _check_shipped(key: str, name: str, settings: Settings, findings: Findings) -> None:
    if name == "dnsbl" and not settings.dnsbl.zones:
        findings.refuse(key, name, "there are no lists to ask", "write dnsbl: {zones: [ZONE]}")
    if name == "trusted_domain" and not settings.trusted_domains:
        findings.warn(key, name, "no domain is trusted: it never holds", "write trusted_domains: [DOMAIN]")


def _check_when(child: ChildSettings, settings: Settings, findings: Findings) -> None:
    key = f"children.{child.name}.when"
    named = own_conditions(settings)
    known = {*SHIPPED, *named}
    unknown = [word for word in child.when if word.removeprefix("not ") not in known]
    for word in unknown:
        name = word.removeprefix("not ")
        findings.refuse(key, word, "no such condition", did_you_mean(name, known))
    for word in child.when:
        _check_shipped(key, word.removeprefix("not "), settings, findings)
    if unknown or any(cycle(name, named) for name, _ in settings.conditions):
        return
    condition = when_condition(child.when)
    tests = list(leaves_of(condition, named))
    if child.recipients is Recipients.MATCHING and not any(test.test in _OF_RECIPIENT for test in tests):
        message = "nothing in `when` is about a recipient, so the child sees all of them"
        findings.warn(f"children.{child.name}.recipients", child.recipients, message)
    ways = ways_past(condition, named, settings.tables) if _scans(child) else ()
    if ways:
        message = f"a sender can keep mail from {child.name} by what he chooses himself: {', '.join(ways)}"
        remedy = "join it by `all` with what he cannot choose, such as client or authenticated"
        findings.warn(key, ", ".join(child.when), message, remedy)


def _scans(child: ChildSettings) -> bool:
    """Whether mail that this child does not see may do harm; that is taken for granted of an unknown one."""
    return milter_of(child.name) is None or bool(roles_of(child) & _SCANNING)


def _check_after(child: ChildSettings, settings: Settings, findings: Findings) -> None:
    if child.after is None:
        return
    key, name = f"children.{child.name}.after", child.after.child
    names = [each.name for each in settings.children]
    if name not in names:
        if milter_of(name) is None:
            findings.refuse(key, name, "no such child", did_you_mean(name, {*names, *MILTERS}))
        else:
            message = f"{name} is not installed, so {child.name} does not wait for what it says"
            findings.warn(key, name, message)
    elif name == child.name or names.index(name) > names.index(child.name):
        remedy = f"write order: [{name}, {child.name}]"
        findings.refuse(key, name, f"{name} does not stand before {child.name} in the chain", remedy)
    elif name not in [each.name for each in settings.chain]:
        message = f"{name} is not in the chain, so {child.name} does not wait for what it says"
        findings.warn(key, name, message)
