"""What main.cf says that mmx must know: the macro lists, and the networks whose clients are local.

Its macro lists hold for every stage that mmx asks no list for (N15), its mynetworks where the settings
have no local_networks. Read at start and at reload, by `postconf`, with fixed arguments, a clean
environment and a time limit. Where Postfix is not installed, or does not answer, its own macro lists hold;
the administrator's settings override both.

Of mynetworks only networks and `!` before one are read. Files and tables are not: a client that is in no
network that could be read may then be local or not.
"""

import asyncio
import logging
import subprocess
from collections.abc import Mapping
from typing import Final, NamedTuple

from mmx.aio.conditions import NO_NETWORKS, LocalNetworks
from mmx.core.plan import POSTFIX_MACROS
from mmx.errors import InvalidValueError
from mmx.settings.entries import parse_network
from mmx.wire import option

POSTCONF: Final = "/usr/sbin/postconf"
TIME_LIMIT: Final = 5.0
"""Seconds that postconf may take."""

NETWORKS: Final = "mynetworks"
MACRO_LISTS: Final = {
    "milter_connect_macros": option.STAGE_CONNECT,
    "milter_helo_macros": option.STAGE_HELO,
    "milter_mail_macros": option.STAGE_MAIL,
    "milter_rcpt_macros": option.STAGE_RCPT,
    "milter_data_macros": option.STAGE_DATA,
    "milter_end_of_header_macros": option.STAGE_EOH,
    "milter_end_of_data_macros": option.STAGE_EOM,
}
"""The parameters with a list of macros, and the stage that each is for."""

_log = logging.getLogger(__name__)


class MainCf(NamedTuple):
    """Stage to the macros that Postfix sends to a milter that asks for nothing, and the local networks."""

    macros: Mapping[int, tuple[bytes, ...]] = POSTFIX_MACROS
    local: LocalNetworks = NO_NETWORKS


async def read_main_cf(postconf: str = POSTCONF, *, within: float = TIME_LIMIT) -> MainCf:
    """Ask postconf."""
    return await asyncio.to_thread(_ask, postconf, within)


def _ask(postconf: str, within: float) -> MainCf:
    """In a thread of its own: a pipe that something left open stays with it, and not with the event loop."""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments
            [postconf, "-x", *MACRO_LISTS, NETWORKS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            timeout=within,
            check=False,
        )
    except OSError as error:
        _log.debug("macro lists: Postfix's defaults (%s: %s)", postconf, error.strerror)
        return MainCf()
    except subprocess.TimeoutExpired:
        _log.warning("macro lists: Postfix's defaults, because %s did not answer in %g s", postconf, within)
        return MainCf(local=LocalNetworks(unread=(f"{postconf} did not answer",)))
    return parse(answer.stdout)


def parse(output: bytes) -> MainCf:
    """What the output of postconf says: a line `name = value` each, words apart by blanks or commas."""
    lists: dict[int, tuple[bytes, ...]] = {}
    local = LocalNetworks(unread=("postconf does not tell it",))
    for line in output.splitlines():
        parameter, equals, value = line.partition(b"=")
        name = parameter.strip().decode("ascii", "replace")
        words = tuple(value.replace(b",", b" ").split())
        if equals and name in MACRO_LISTS:
            lists[MACRO_LISTS[name]] = words
        elif equals and name == NETWORKS:
            local = parse_networks([word.decode("ascii", "replace") for word in words])
    return MainCf({**POSTFIX_MACROS, **lists}, local)


def parse_networks(words: list[str]) -> LocalNetworks:
    """A list of networks as mynetworks has it; the first that holds an address counts."""
    networks: list[tuple[str, bool]] = []
    unread: list[str] = []
    for word in words:
        text = word.removeprefix("!")
        try:
            networks.append((parse_network(text), text == word))
        except InvalidValueError:
            unread.append(word)
    return LocalNetworks(tuple(networks), tuple(unread))
