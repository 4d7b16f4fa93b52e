"""What the socket tests share: both event loops, short socket paths, bounded waiting."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.aio.dns_server import DnsServer
from tests.aio.peers import FakeChild


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test here with both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory whose paths are short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="mmx-"))
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture
async def child(directory: Path) -> AsyncIterator[FakeChild]:
    """A listening child that negotiates everything and answers CONTINUE."""
    async with FakeChild(directory / "child.sock") as made:
        yield made


@pytest_asyncio.fixture
async def dns_server() -> AsyncIterator[DnsServer]:
    """A name server that knows nothing yet."""
    made = DnsServer()
    await made.start()
    yield made
    made.close()


@pytest_asyncio.fixture
async def observer(directory: Path) -> AsyncIterator[FakeChild]:
    """Another child, to be given `mode: observe`."""
    async with FakeChild(directory / "observer.sock") as made:
        yield made
