"""Reading a file of the administrator: bounded, and looked at who may write to it."""

import os
import stat
from pathlib import Path

from mmx.errors import Problem
from mmx.settings.section import Findings


def read_file(file: Path, limit: int, findings: Findings) -> bytes:
    """Read one file up to a byte beyond `limit`; raises OSError. Warns of one that everybody may write to."""
    with file.open("rb") as stream:
        if os.fstat(stream.fileno()).st_mode & stat.S_IWOTH:
            message = "every local user can write to this file"
            findings.warnings.append(Problem(str(file), None, "", "", message, f"chmod o-w {file}"))
        return stream.read(limit + 1)
