import pytest

from mmx.settings.build import build
from mmx.settings.chain_checks import check_chain, roles_of
from mmx.settings.detected import Detection, PostfixMilter
from mmx.settings.document import read_document
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import ChildSettings
from mmx.settings.section import Findings

CHANGED = "{0} verifies mail behind {1}, which may change it; put {0} before {1}"
SIGNED = (
    "{0} signs mail before {1}, which may change it; put {1} first, or keep from it the mail "
    "that is to be signed"
)
BOTH = "{0} and {1} both sign mail; let one of them only verify, or leave it out with `enabled: no`"


def warnings(text: str, *in_postfix: PostfixMilter) -> list[str]:
    table, problems = read_document("a.yaml", text.encode())
    findings = Findings("a.yaml")
    settings = build(table, findings)
    assert problems + findings.problems == []
    findings.detection = Detection(in_postfix=in_postfix)
    check_chain(settings, findings)
    return [str(warning) for warning in findings.warnings]


def chain(*names: str, order: str = "") -> str:
    children = ", ".join(f"{name}: {{endpoint: 'unix:/run/{name}'}}" for name in names)
    return f"order: [{order}]\nchildren: {{{children}}}"


@pytest.mark.parametrize(
    ("names", "order", "texts"),
    [
        ("opendkim opendmarc clamav-milter spamass-milter rspamd milter-greylist pyspf-milter", "", []),
        (
            "spamass-milter opendmarc",
            "spamass-milter, opendmarc",
            ["order: " + CHANGED.format("opendmarc", "spamass-milter")],
        ),
        (
            "mimedefang opendmarc",
            "mimedefang, opendmarc",
            ["order: " + CHANGED.format("opendmarc", "mimedefang")],
        ),
        ("opendkim mimedefang", "", ["children.mimedefang: " + SIGNED.format("opendkim", "mimedefang")]),
        ("opendkim spamass-milter", "opendkim, rspamd", []),
        (
            "opendkim spamass-milter",
            "opendkim, spamass-milter",
            ["order: " + SIGNED.format("opendkim", "spamass-milter")],
        ),
        (
            "opendkim dkimpy-milter",
            "",
            ["children.dkimpy-milter: " + BOTH.format("opendkim", "dkimpy-milter")],
        ),
        ("own other", "", []),
    ],
)
def test_orders_that_defeat_their_purpose(names: str, order: str, texts: list[str]) -> None:
    line = 1 if order and texts and texts[0].startswith("order") else 2
    assert warnings(chain(*names.split(), order=order)) == [f"a.yaml:{line}: {text}" for text in texts]


def test_children_that_have_no_say_are_not_complained_of() -> None:
    text = chain("opendkim", "mimedefang").replace("unix:/run/mimedefang'", "unix:/run/m', enabled: no")
    assert warnings(text) == []


def test_a_child_that_postfix_uses_as_well() -> None:
    inside = PostfixMilter("smtpd_milters in main.cf", parse_endpoint("unix:/var/run/own"))
    other = PostfixMilter("smtpd_milters in main.cf", parse_endpoint("unix:/run/another"))
    (only,) = warnings(chain("own"), inside, other)
    assert only == (
        "a.yaml:2: children.own.endpoint: unix:/run/own: Postfix uses this milter itself "
        "(smtpd_milters in main.cf): mail passes it twice; take it out there"
    )


def test_unknown_milters_have_no_roles() -> None:
    assert roles_of(ChildSettings("own")) == frozenset()
