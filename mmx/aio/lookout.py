"""Telling what a reload would change about the milters of the host.

Milters are looked for at start and at reload, and only then does the chain change: a host under load, or a
package being upgraded, must not take a scanner out of it. In between somebody may install one, and is told.
"""

import asyncio
import logging

from mmx.settings.load import Loaded, Loader

_log = logging.getLogger(__name__)


class Lookout:
    """Looks every `detect_interval`, in a thread, and logs each piece of news once."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._task: asyncio.Task[None] | None = None

    def watch(self, loaded: Loaded) -> None:
        """Compare with these settings from now on."""
        self.stop()
        settings = loaded.settings
        if settings.detect and settings.detect_interval:
            self._task = asyncio.get_running_loop().create_task(self._watch(loaded), name="lookout")

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, loaded: Loaded) -> None:
        told: tuple[str, ...] = ()
        while True:
            await asyncio.sleep(loaded.settings.detect_interval)
            news = await asyncio.to_thread(self._loader.news, loaded)
            for line in news:
                if line not in told:
                    _log.info("%s", line)
            told = news
