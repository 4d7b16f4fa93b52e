"""The socket clause of milter-greylist's configuration file.

    socket "/run/milter-greylist/milter-greylist.sock" 660

The mode may be missing. Comments go from "#" to the end of the line, a backslash joins lines, and a "#"
within quotes is none. The last clause wins.
"""

import re
from typing import Final

from mmx.detect.lines import Value, joined

_SOCKET: Final = re.compile(r'\s*socket\s+(?:"([^"]+)"|([^\s"#]+))\s*([0-7]+)?\s*(?:#.*)?')


def read_socket(data: bytes) -> Value | None:
    """What the socket clause names; None if there is none."""
    found = None
    for number, line in joined(data):
        match = _SOCKET.fullmatch(line)
        if match:
            found = Value(match[1] or match[2], number)
    return found
