import pytest

from mmx.detect.greylist_conf import read_socket
from mmx.detect.lines import Value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'socket "/run/a.sock"', ("/run/a.sock", 1)),
        (b'pidfile "/x"\nsocket "/run/a.sock" 660\n', ("/run/a.sock", 2)),
        (b'\tsocket "/run/a#b" 666 # all', ("/run/a#b", 1)),
        (b'socket \\\n  "/run/a.sock" \\\n  660', ("/run/a.sock", 1)),
        (b"socket inet:1025@127.0.0.1", ("inet:1025@127.0.0.1", 1)),
        (b'socket "/a"\nsocket "/b"', ("/b", 2)),
        (b'list "caf\xe9"\nsocket "/a"', ("/a", 2)),
        (b'#socket "/run/a.sock"\n# socket "/run/b.sock"', None),
        (b'socket ""\nsocket\nsockets "/a"', None),
        (b'socket "/a" rw', None),
    ],
)
def test_the_socket_clause(data: bytes, value: tuple[str, int] | None) -> None:
    assert read_socket(data) == (None if value is None else Value(*value))
