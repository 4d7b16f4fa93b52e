"""Made-up hosts for the checks of `mmx check`: one on which all is well, and changes to it."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mmx import __version__
from mmx.aio.access import Account
from mmx.detect.facts import Unit
from mmx.observe.status import ChildStatus, Status
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.show import show_json
from mmx.tools.check.children_look import children_of, unit_names
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.greeting import Greeting
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.mmx_look import SERVICE, MmxView, SocketView
from mmx.tools.check.mmx_look import SOCKET as MMX_SOCKET
from mmx.tools.check.postfix_look import PARAMETERS, PostfixView, Service
from mmx.tools.check.postfix_reach import Reached
from mmx.tools.check.table import CHECKS, examine
from mmx.tools.check.units import UnitView
from mmx.wire.payload import Options

MMX = Account("mmx", 901, frozenset({901}))
OPENDKIM = ChildSettings("opendkim", UnixEndpoint("/run/opendkim/opendkim.sock"))
OPTIONS = Options(6, 0x11, 0, {})
SOCKET = "unix:/var/spool/postfix/mmx/mmx.sock"
POSTFIX_SAYS = {
    "smtpd_milters": "unix:mmx/mmx.sock",
    "non_smtpd_milters": "unix:mmx/mmx.sock",
    "milter_default_action": "tempfail",
    "milter_protocol": "6",
    "milter_connect_timeout": "30s",
    "milter_command_timeout": "30s",
    "milter_content_timeout": "300s",
    "milter_connect_macros": "j {daemon_name} {daemon_addr} v _",
    "milter_helo_macros": "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "milter_mail_macros": "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
    "milter_rcpt_macros": "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    "milter_data_macros": "i",
    "milter_end_of_header_macros": "i",
    "milter_end_of_data_macros": "i",
    "milter_macro_v": "Postfix 3.7.11",
    "mail_name": "Postfix",
    "mynetworks": "127.0.0.0/8 [::1]/128",
    "mynetworks_style": "host",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "mail_version": "3.7.11",
    "mail_owner": "postfix",
    "queue_directory": "/var/spool/postfix",
    "compatibility_level": "3.6",
}
SERVICES = (
    Service("smtp/inet", "smtpd", chroot=True),
    Service("submission/inet", "smtpd", chroot=True),
    Service("cleanup/unix", "cleanup", chroot=True),
)


def postfix(
    main: Mapping[str, str] | None = None,
    master: Mapping[str, str] | None = None,
    services: tuple[Service, ...] = SERVICES,
) -> PostfixView:
    """A Postfix that is right but for what main.cf and the overrides of master.cf say here."""
    values = dict.fromkeys(PARAMETERS, "") | POSTFIX_SAYS | dict(main or {})
    set_here = ("smtpd_milters", "non_smtpd_milters", "mynetworks")
    chosen = {name: values[name] for name in set_here} | dict(main or {})
    overrides = dict(master or {})
    return PostfixView(
        main=chosen,
        full=values,
        master=overrides,
        full_master=overrides,
        services=services,
        reached={SOCKET: Reached(0)},
    )


def host(
    main: Mapping[str, str] | None = None,
    master: Mapping[str, str] | None = None,
    *,
    children: Iterable[ChildSettings] = (),
    settings: Settings | None = None,
) -> HostView:
    """A host with such a Postfix, and these children of mmx."""
    chosen = replace(settings or Settings(), children=tuple(children) or (OPENDKIM,))
    return mmx_on(Loaded(chosen, {}), HostView(postfix=postfix(main, master)))


def mmx_on(loaded: Loaded, view: HostView) -> HostView:
    """A host where mmx has these settings in force, and all its children answer."""
    asked = (*loaded.settings.chain, *loaded.settings.observed)
    told = tuple(ChildStatus(child.name, str(child.endpoint), state="up") for child in asked)
    daemon = Status(at=2.0, started=1.0, version=__version__, listeners=(SOCKET,), children=told)
    seen = children_of(loaded, daemon)
    return replace(
        view,
        loaded=loaded,
        daemon=daemon,
        mmx=MmxView(
            units={SERVICE: running(SERVICE, MainPID="4711"), MMX_SOCKET: running(MMX_SOCKET)},
            account=MMX,
            listed=MMX.groups,
            in_force=json.loads(show_json(loaded)),
            sockets=tuple(
                SocketView(listener.endpoint, MMX_SOCKET, mode=0o660)
                for listener in loaded.settings.listeners
            ),
        ),
        child_views=tuple(
            replace(child, unit=running(unit_names(child.name)[0]), greeting=Greeting(0.01, OPTIONS))
            for child in seen
        ),
    )


def running(name: str, active: str = "active", state: str = "enabled", **more: str) -> UnitView:
    """A unit that runs, and does so after a boot, if nothing else is said."""
    return UnitView(Unit(name, active_state=active, file_state=state), more)


def found(view: HostView, name: str) -> list[Finding]:
    """The findings of this name, of all checks."""
    return [finding for finding in examine(view) if finding.name == name]


def bad(view: HostView, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """The findings of these checks that are not good."""
    findings = [finding for check in checks for finding in check.look(view)]
    return [finding for finding in findings if finding.level is not Level.OK]


def only(view: HostView) -> Finding:
    """The one finding of all checks that is not good."""
    (finding,) = bad(view)
    return finding


def pasted(view: HostView, finding: Finding) -> HostView:
    """The host after the commands of a finding: postconf, with the forms that mmx uses."""
    for command in finding.commands:
        program, *words = shlex.split(command)
        if program == "postconf":
            assert isinstance(view.postfix, PostfixView)
            view = replace(view, postfix=_postconf(view.postfix, *words))
    return view


def _postconf(seen: PostfixView, option: str, text: str) -> PostfixView:
    name, _, value = text.partition("=")
    if option == "-e":
        return replace(seen, main={**seen.main, name: value}, full={**seen.full, name: value})
    if option == "-X":
        main = {key: old for key, old in seen.main.items() if key != name}
        return replace(seen, main=main, full={**seen.full, name: POSTFIX_SAYS.get(name, "")})
    if option == "-P":
        assert " " not in value, "postconf: fatal: -Pe does not accept whitespace in parameter value"
        return replace(
            seen, master={**seen.master, name: value}, full_master={**seen.full_master, name: value}
        )
    assert option == "-F"
    key, _, field = name.rpartition("/")
    assert (field, value) == ("chroot", "n")
    services = (replace(one, chroot=one.chroot and one.key != key) for one in seen.services)
    return replace(seen, services=tuple(services))
