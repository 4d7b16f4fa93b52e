"""The macro lists of main.cf, which hold for every stage that mmx asks no list for (N15).

Read at start and at reload, by `postconf`, with fixed arguments, a clean environment and a time limit. Where
Postfix is not installed, or does not answer, its own defaults hold; the administrator's `mta_macros` setting
overrides both.
"""

import asyncio
import logging
import subprocess
from collections.abc import Mapping
from typing import Final

from mmx.core.plan import POSTFIX_MACROS
from mmx.wire import option

POSTCONF: Final = "/usr/sbin/postconf"
TIME_LIMIT: Final = 5.0
"""Seconds that postconf may take."""

_PARAMETERS: Final = {
    "milter_connect_macros": option.STAGE_CONNECT,
    "milter_helo_macros": option.STAGE_HELO,
    "milter_mail_macros": option.STAGE_MAIL,
    "milter_rcpt_macros": option.STAGE_RCPT,
    "milter_data_macros": option.STAGE_DATA,
    "milter_end_of_header_macros": option.STAGE_EOH,
    "milter_end_of_data_macros": option.STAGE_EOM,
}

_log = logging.getLogger(__name__)


async def read_macros(
    postconf: str = POSTCONF, *, within: float = TIME_LIMIT
) -> Mapping[int, tuple[bytes, ...]]:
    """Stage to names, as Postfix sends them to a milter that asks for nothing."""
    return await asyncio.to_thread(_ask, postconf, within)


def _ask(postconf: str, within: float) -> Mapping[int, tuple[bytes, ...]]:
    """In a thread of its own: a pipe that something left open stays with it, and not with the event loop."""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments
            [postconf, "-x", *_PARAMETERS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            timeout=within,
            check=False,
        )
    except OSError as error:
        _log.debug("macro lists: Postfix's defaults (%s: %s)", postconf, error.strerror)
        return POSTFIX_MACROS
    except subprocess.TimeoutExpired:
        _log.warning("macro lists: Postfix's defaults, because %s did not answer in %g s", postconf, within)
        return POSTFIX_MACROS
    return {**POSTFIX_MACROS, **parse(answer.stdout)}


def parse(output: bytes) -> dict[int, tuple[bytes, ...]]:
    """The lists in the output of postconf: a line `name = value` each, names apart by blanks or commas."""
    lists: dict[int, tuple[bytes, ...]] = {}
    for line in output.splitlines():
        name, equals, value = line.partition(b"=")
        stage = _PARAMETERS.get(name.strip().decode("ascii", "replace"))
        if equals and stage is not None:
            lists[stage] = tuple(value.replace(b",", b" ").split())
    return lists
