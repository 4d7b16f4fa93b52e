"""The macros that Postfix sends: each finding, and that its command mends it."""

from collections.abc import Mapping

import pytest

from mmx.settings.model import Macros, Settings
from mmx.tools.check.finding import Level
from tests.tools.check_hosts import bad, host, only, pasted

MAIL = "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}"


@pytest.mark.parametrize(
    ("main", "name", "command"),
    [
        (
            {"milter_mail_macros": "i, {mail_addr}, {client_addr} {auth_authen}"},
            "macros-missing",
            (
                "postconf -e 'milter_mail_macros=i {mail_addr} {client_addr} {auth_authen} {auth_type} "
                "{auth_author} {mail_host} {mail_mailer}'"
            ),
        ),
        (
            {"milter_connect_macros": "{j} {daemon_name} {daemon_addr} _"},
            "macros-missing",
            "postconf -e 'milter_connect_macros={j} {daemon_name} {daemon_addr} _ v'",
        ),
        ({"milter_data_macros": ""}, "macros-missing", "postconf -e milter_data_macros=i"),
        (
            {"milter_mail_macros": MAIL.replace(" {mail_host}", "")},
            "macros-fewer",
            f"postconf -e 'milter_mail_macros={MAIL.replace(' {mail_host}', '')} {{mail_host}}'",
        ),
        ({"milter_macro_v": "Sendmail 8.17"}, "version-macro", "postconf -X milter_macro_v"),
    ],
)
def test_main_cf(main: Mapping[str, str], name: str, command: str) -> None:
    view = host(main)
    finding = only(view)
    assert finding.name == f"postfix.{name}"
    assert finding.commands == (command, "postfix reload")
    assert bad(pasted(view, finding)) == []


def test_a_service_of_its_own_mind() -> None:
    view = host(master={"submission/inet/milter_helo_macros": "{tls_version}"})
    finding = only(view)
    assert finding.level is Level.NOTE
    assert finding.commands[0].replace("'", "") == (
        "postconf -P submission/inet/milter_helo_macros="
        "{tls_version},{cipher},{cipher_bits},{cert_subject},{cert_issuer}"
    )
    assert bad(pasted(view, finding)) == []


def test_names_are_the_same_with_and_without_braces() -> None:
    assert bad(host({"milter_connect_macros": "{j} {daemon_name} {daemon_addr} {v} {_} {client_addr}"})) == []


def test_what_mmx_takes_for_granted() -> None:
    settings = Settings(mta_macros=Macros(rcpt=("i", "{rcpt_addr}", "{client_addr}")))
    view = host(settings=settings)
    finding = only(view)
    assert finding.name == "postfix.macros-otherwise"
    assert finding.seen == "without {client_addr}, which mta_macros.rcpt of mmx has"
    assert finding.commands[0] == (
        "postconf -e 'milter_rcpt_macros=i {rcpt_addr} {rcpt_host} {rcpt_mailer} {client_addr}'"
    )
    assert bad(pasted(view, finding)) == []


def test_both_at_once_are_mended_by_either() -> None:
    settings = Settings(mta_macros=Macros(data=("i", "{client_addr}")))
    view = host({"milter_data_macros": ""}, settings=settings)
    for finding in bad(view):
        assert bad(pasted(view, finding)) == []


def test_another_mail_name() -> None:
    view = host({"milter_macro_v": "Exim 4", "mail_name": "Exim"})
    finding = only(view)
    assert finding.commands[0] == "postconf -e 'milter_macro_v=Postfix $mail_version'"
    assert bad(pasted(view, finding)) == []
