"""A listening socket served by threads: one that accepts, one for each connection."""

import socket
import threading
from collections.abc import Callable


class Listener:
    """Accepts on a socket until closed; `serve` runs in a thread of its own for every connection."""

    def __init__(self, listening: socket.socket, serve: Callable[[socket.socket], None], name: str) -> None:
        self._listening = listening
        self._serve = serve
        self._name = name
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and cut every connection; threads end by themselves."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """End every open connection in the middle of whatever it does."""
        with self._lock:
            for connection in self._open:
                _shutdown(connection)

    def count(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._run, args=(connection,), name=self._name, daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        try:
            with connection:
                if connection.family == socket.AF_INET:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection)
        except OSError:
            pass  # the peer went away: normal for a server under test
        finally:
            with self._lock:
                self._open.discard(connection)


def _shutdown(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was closed by its own thread or by the peer
