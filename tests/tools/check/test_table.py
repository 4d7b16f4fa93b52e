"""The table of checks."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from mmx.tools.check.finding import Level
from mmx.tools.check.postfix_look import PARAMETERS
from mmx.tools.check.table import CHECKS, KINDS, examine
from tests.tools.check_hosts import host, pasted

NOT_BY_COMMANDS = {"postfix.instances"}
"""Its command looks at another configuration."""


def test_names_are_different() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_names_have_an_area() -> None:
    assert [kind.name for kind in KINDS if "." not in kind.name or kind.name.endswith(".ok")] == []


def test_every_check_says_something_of_a_healthy_host() -> None:
    """What was looked at is told, also where it is as it should be."""
    assert [check.look.__name__ for check in CHECKS if not list(check.look(host()))] == []
    assert all(finding.level is Level.OK for finding in examine(host()))


WORDS = st.sampled_from(
    [
        *(
            "unix:mmx/mmx.sock",
            "unix:/var/spool/postfix/mmx/mmx.sock",
            "unix:/mmx.sock",
            "inet:h:7",
            "local:",
        ),
        *(
            "{",
            "}",
            "{ unix:mmx/mmx.sock, default_action=accept }",
            "{inet:h:7,connect_timeout=1s}",
            ",",
            "=",
        ),
        *("accept", "tempfail", "6", "2", "30s", "1", "99999999w", "-1", "i", "{auth_type}", "{}", "$", "$x"),
        *(
            "permit",
            "reject",
            "warn_if_reject",
            "permit_mynetworks",
            "reject_unauth_destination",
            "no_milters",
        ),
        *("0.0.0.0/0", "!0.0.0.0/0", "[::]/0", "10.0.0.0/8", "hash:/etc/x", "'", '"', "\\", ";", "a b", "ü"),
    ]
)
VALUES = st.lists(WORDS, max_size=5).map(" ".join)
MAIN = st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=8).map(
    lambda values: values | {"queue_directory": "/var/spool/postfix"}
)
MASTER = st.dictionaries(
    st.sampled_from([f"submission/inet/{name}" for name in PARAMETERS]), VALUES, max_size=4
)


@given(MAIN, MASTER)
def test_whatever_postfix_is_told_there_are_commands_for_a_shell(
    main: dict[str, str], master: dict[str, str]
) -> None:
    for finding in examine(host(main, master)):
        for command in finding.commands:
            assert shlex.split(command)[0] in {"postconf", "postfix", "mmx"}


@given(MAIN, MASTER)
def test_whatever_postfix_is_told_the_commands_mend_it(main: dict[str, str], master: dict[str, str]) -> None:
    """All of them, in order; a second look may find what the first could not tell apart."""
    view = host(main, master)
    for _ in range(2):
        for finding in tuple(examine(view)):
            view = pasted(view, finding)
    left = [one for one in examine(view) if one.commands and one.name not in NOT_BY_COMMANDS]
    assert left == []
