"""Commands that change the settings files of mmx, for findings that are mended there.

A value that stands in a file is replaced in its line; what stands nowhere goes into a drop-in of its own,
whose name comes behind those of others, so that it wins. Then mmx reloads.
"""

import re
from pathlib import Path
from typing import Final

from mmx.settings.load import Loaded
from mmx.settings.show import quoted
from mmx.tools.check.finding import shell

RELOAD: Final = "mmx reload"


def replaced(origin: str, key: str, value: str) -> tuple[str, ...]:
    """Give a key another value, in the line of `origin`; nothing if it stands in no file."""
    match = re.fullmatch(r"(/.+):(\d+)", origin)
    if match is None:
        return ()
    text = re.sub(r"[\\&!]", r"\\\g<0>", quoted(value))
    script = f'{match[2]}s!({key}: *)("[^"]*"|[^],}}#[:space:]]+)!\\1{text}!'
    return (shell("sed", "-i", "-E", script, match[1]), RELOAD)


def added(config: Path, name: str, text: str) -> tuple[str, ...]:
    """Have a drop-in beside `config` with this text."""
    path = config.parent / f"conf.d/zz-{name}.yaml"
    return (shell("mkdir", "-p", str(path.parent)), f"echo {shell(text)} > {shell(str(path))}", RELOAD)


def left_out(config: Path, child: str) -> tuple[str, ...]:
    """Take a child out of the chain."""
    return added(config, child, f"children: {{{quoted(child)}: {{enabled: no}}}}")


def is_of_files(origin: str, loaded: Loaded) -> bool:
    """Whether a value stands in a settings file, and does not come from the host."""
    return origin.rpartition(":")[0] in map(str, loaded.files)
