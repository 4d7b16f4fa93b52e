"""Headless Chromium, spoken to over the DevTools protocol by a pipe: one page load at a time.

What the browser complains of (console, log, issues such as violations of the Content-Security-Policy) is kept
for each load.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PACKAGES = ("chromium",)
LIMIT = 30.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
_COMPLAINTS = {
    "Log.entryAdded": "entry",
    "Runtime.consoleAPICalled": "args",
    "Runtime.exceptionThrown": "exceptionDetails",
    "Audits.issueAdded": "issue",
}


@dataclass
class Loaded:
    """One load of a page."""

    complaints: list[str] = field(default_factory=list)
    screenshot: bytes = b""
    width: int = 0
    """Of the document, which is more than that of the screen if it has to be scrolled sideways."""
    title: str = ""
    ground: str = ""
    """Computed background colour."""


class Browser:
    """Context manager: a browser with a profile of its own."""

    def __enter__(self) -> Self:
        self._profile = Path(tempfile.mkdtemp(prefix="mmx-chromium-"))
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # The browser reads commands from descriptor 3 and writes to 4.
        shell = (
            f"exec chromium {' '.join(_FLAGS)} --user-data-dir={self._profile} 3<&{theirs_in} 4>&{theirs_out}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", shell],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._serial = 0
        self._buffer = b""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def load(self, url: str, *, width: int, height: int, dark: bool = False) -> Loaded:
        """Load a page on a screen of that size, as a reader who prefers light or dark."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        loaded = Loaded()

        def ask(method: str, **parameters: Any) -> Any:
            return self._ask(method, session, loaded, **parameters)

        for domain in ("Page", "Log", "Runtime", "Audits"):
            ask(f"{domain}.enable")
        ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        ask("Emulation.setEmulatedMedia", features=[scheme])
        ask("Page.navigate", url=url)
        self._until("Page.loadEventFired", session, loaded)
        loaded.screenshot = base64.b64decode(ask("Page.captureScreenshot", format="png")["data"])
        loaded.width = self._value(ask, "document.documentElement.scrollWidth")
        loaded.title = self._value(ask, "document.title")
        loaded.ground = self._value(ask, "getComputedStyle(document.documentElement).backgroundColor")
        self._ask("Target.closeTarget", targetId=target)
        return loaded

    @staticmethod
    def _value(ask: Any, expression: str) -> Any:
        return ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def _ask(self, method: str, session: str = "", loaded: Loaded | None = None, /, **parameters: Any) -> Any:
        self._serial += 1
        message: dict[str, Any] = {"id": self._serial, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._wait(lambda said: said.get("id") == self._serial, loaded)["result"]

    def _until(self, event: str, session: str, loaded: Loaded) -> None:
        self._wait(lambda said: (said.get("method"), said.get("sessionId")) == (event, session), loaded)

    def _wait(self, wanted: Any, loaded: Loaded | None) -> dict[str, Any]:
        limit = time.monotonic() + LIMIT
        while time.monotonic() < limit:
            said = self._read(limit)
            part = _COMPLAINTS.get(said.get("method", ""))
            if part is not None and loaded is not None:
                loaded.complaints.append(json.dumps(said["params"][part]))
            if wanted(said):
                if "error" in said:
                    raise RuntimeError(f"chromium: {said['error']}")
                return said
        raise TimeoutError("chromium does not answer")

    def _read(self, limit: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(limit - time.monotonic(), 0))
            data = os.read(self._from, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("chromium does not answer")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said
