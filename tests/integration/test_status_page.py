"""The status page of a running mmx, in Chromium and in w3m.

Screenshots are left in the directory that MMX_TEST_SCREENSHOTS names, else in a temporary one.
"""

import http.client
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.browser import PACKAGES, Browser, Loaded
from tests.integration.daemon import Mmx
from tests.integration.overload import ill_children, mta
from tests.integration.postfix import eventually

SCREENS = {"phone": (360, 780), "small": (320, 640), "desk": (1280, 900)}
LIGHT, DARK = "rgb(244, 245, 247)", "rgb(14, 17, 22)"
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Site:
    """A running mmx with a child that works and one that is gone."""

    port: int
    mmx: Mmx

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-page-")))
        port = free_port()
        stack.enter_context(ill_children.IllChild(directory / "well.sock", ill_children.replaces_body(0)))
        children = {
            "well": {"endpoint": f"unix:{directory}/well.sock"},
            "gone": {"endpoint": f"unix:{directory}/gone.sock", "default_action": "accept"},
        }
        settings = {"metrics": {"listen": f"127.0.0.1:{port}"}}
        mmx = stack.enter_context(Mmx(directory / "mmx.sock", children, settings))
        for _ in range(5):
            assert not mta.one(mmx.socket).deferred
        yield Site(port, mmx)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    packages.require(PACKAGES)
    with Browser() as running:
        yield running


def keep(name: str, loaded: Loaded) -> Path:
    directory = Path(os.environ.get("MMX_TEST_SCREENSHOTS") or tempfile.mkdtemp(prefix="mmx-screenshots-"))
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.png"
    path.write_bytes(loaded.screenshot)
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_in_a_browser(site: Site, browser: Browser, screen: str, dark: bool) -> None:
    width, height = SCREENS[screen]
    loaded = browser.load(site.url + "/", width=width, height=height, dark=dark)
    path = keep(f"status-{screen}-{'dark' if dark else 'light'}", loaded)
    assert loaded.complaints == []
    assert loaded.title == "mmx: 1 problem"
    assert loaded.ground == (DARK if dark else LIGHT)
    assert loaded.width == width
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(loaded.screenshot) > 10_000


def test_the_browser_would_complain(site: Site, browser: Browser) -> None:
    """What the former test relies on: a page that the policy forbids parts of earns complaints."""
    page = "data:text/html,<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    loaded = browser.load(page + "<p style=color:red><script>1</script>", width=360, height=640)
    assert any("Content Security Policy" in complaint for complaint in loaded.complaints)


def test_the_page_in_a_text_browser(site: Site) -> None:
    packages.require(("w3m",))
    done = subprocess.run(
        ["w3m", "-dump", "-cols", "80", "-O", "UTF-8", site.url],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    text = done.stdout
    assert "• gone has been down for" in text
    chain = " ".join(text.split())
    assert re.search(
        r"Postfix → well \( up, p50 \S+ m?s, p95 \S+ m?s \) → gone \( down: missing \) → Postfix", chain
    )
    assert re.search(r"^accept +5$", text, re.MULTILINE)
    assert re.search(r"^Socket +unix:/\S+/well.sock", text, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d +\S+ +accept +- +- +\S+ m?s$", text, re.MULTILINE)
    assert "style" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/?renew", 200), ("/style.css", 200), ("/nothing", 404), ("/style.css/", 404)],
)
def test_headers(site: Site, path: str, status: int) -> None:
    code, headers, _ = site.get(path)
    assert code == status
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "Server" not in headers


def test_another_host_gets_nothing(site: Site) -> None:
    code, headers, text = site.get("/", Host="evil.example")
    assert code == 421
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "gone" not in text


def test_no_address_is_shown(site: Site) -> None:
    assert "sender.test" not in site.get()[2]


def test_what_happens_is_on_the_next_page(site: Site) -> None:
    def accepted() -> int:
        match = re.search(r">accept</th><td[^>]*>(\d+)<", site.get()[2])
        return int(match[1]) if match else 0

    before = accepted()
    mta.one(site.mmx.socket)
    assert eventually(lambda: accepted() == before + 1, 5.0, 0.05)
