from collections.abc import Callable

import pytest

from mmx.detect.socket_text import libmilter_socket, listen_socket, rspamd_socket
from mmx.errors import InvalidValueError

LIBMILTER = [
    ("/run/a", "unix:/run/a"),
    (" local:/run/a ", "unix:/run/a"),
    ("unix:/var/run/a", "unix:/var/run/a"),
    ("inet:8891@localhost", "inet:localhost:8891"),
    ("inet:8891@[127.0.0.1]", "inet:127.0.0.1:8891"),
    ("inet:8891@192.0.2.1", "inet:192.0.2.1:8891"),
    ("inet:8891", "inet:127.0.0.1:8891"),
    ("inet:8891@", "inet:127.0.0.1:8891"),
    ("inet:8891@0.0.0.0", "inet:127.0.0.1:8891"),
    ("inet6:8891", "inet:[::1]:8891"),
    ("inet6:8891@[2001:db8::1]", "inet:[2001:db8::1]:8891"),
    ("inet6:8891@2001:db8::1", "inet:[2001:db8::1]:8891"),
    ("inet:8891@::", "inet:[::1]:8891"),
    ("inet:0@localhost", None),
    ("tcp:8891", None),
    ("relative/path", None),
    ("/run/\udcff", None),
    ("/run/" + "a" * 200, None),
    ("", None),
]
RSPAMD = [
    ("localhost:11332", "inet:localhost:11332"),
    ("*:11332", "inet:127.0.0.1:11332"),
    ("11332", "inet:127.0.0.1:11332"),
    ("[::]:11332", "inet:[::1]:11332"),
    ("[::1]:11332", "inet:[::1]:11332"),
    ("/run/rspamd/milter.sock mode=0660 owner=_rspamd", "unix:/run/rspamd/milter.sock"),
    ("systemd:0", None),
    ("", None),
]
LISTEN = [
    ("/run/a.sock (Stream)", "unix:/run/a.sock"),
    ("[::]:8891 (Stream)", "inet:[::1]:8891"),
    ("127.0.0.1:8891 (Stream)", "inet:127.0.0.1:8891"),
    ("@abstract (Stream)", None),
]


@pytest.mark.parametrize(
    ("read", "text", "endpoint"),
    [
        *((libmilter_socket, *row) for row in LIBMILTER),
        *((rspamd_socket, *row) for row in RSPAMD),
        *((listen_socket, *row) for row in LISTEN),
    ],
)
def test_sockets(read: Callable[[str], object], text: str, endpoint: str | None) -> None:
    if endpoint is None:
        with pytest.raises(InvalidValueError):
            read(text)
    else:
        assert str(read(text)) == endpoint


@pytest.mark.parametrize("text", ["/run/a (Datagram)", "(Stream)", "/dev/x (FIFO)", ""])
def test_what_listens_for_no_stream(text: str) -> None:
    assert listen_socket(text) is None
