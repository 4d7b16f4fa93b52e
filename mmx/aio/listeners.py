"""The set of listeners. At a reload new ones are opened first; only if all can be opened, old ones go.

A listener has a name, by which conditions know it. A socket from systemd that is at an endpoint of the
settings has the name that these give it, any other that of its FileDescriptorName=.
"""

import logging
import os
from collections.abc import Callable, MutableMapping

from mmx.aio.listener import Access, Listener, ProtocolFactory, inherited_listeners, open_listener
from mmx.errors import MmxError
from mmx.settings.endpoint import Endpoint
from mmx.settings.model import Settings

_log = logging.getLogger(__name__)


class Listeners:
    """Where the MTA is waited for; `factory` makes the protocol of each connection, while it `has_room`."""

    def __init__(self, factory: ProtocolFactory, has_room: Callable[[], bool] = lambda: True) -> None:
        self._factory = factory
        self._has_room = has_room
        self._inherited: list[Listener] = []
        self._open: dict[Endpoint, Listener] = {}

    @property
    def names(self) -> list[str]:
        """What is listened on, for people."""
        return [listener.endpoint for listener in (*self._inherited, *self._open.values())]

    async def start(self, settings: Settings, environment: MutableMapping[str, str] = os.environ) -> None:
        """Listen on what systemd handed over, else on what the settings say; raises MmxError."""
        self._inherited = inherited_listeners(environment)
        try:
            self._name_inherited(settings)
            for listener in self._inherited:
                listener.serve(self._factory, settings.limits.backlog, self._has_room)
        except MmxError:
            self.close()
            raise
        if not self._inherited:
            await self.change(settings)

    async def change(self, settings: Settings) -> None:
        """Listen on what the settings say; raises MmxError and changes nothing if that cannot be."""
        if self._inherited:
            self._name_inherited(settings)
            return
        access = Access(settings.socket_mode, settings.socket_group)
        kept = {key: open_ for key, open_ in self._open.items() if open_.is_in_place}
        added: dict[Endpoint, Listener] = {}
        names = {wanted.endpoint: wanted.name for wanted in settings.listeners}
        try:
            for wanted in settings.listeners:
                if wanted.endpoint not in kept:
                    added[wanted.endpoint] = listener = await open_listener(wanted, access)
                    listener.serve(self._factory, settings.limits.backlog, self._has_room)
            for endpoint in kept.keys() & names.keys():
                kept[endpoint].permit(access)
        except MmxError:
            for listener in added.values():
                listener.close()
            raise
        for gone in self._open.keys() - names.keys():
            _log.info("no longer listening on %s", self._open[gone].endpoint)
            self._open.pop(gone).close()
        for moved in self._open.keys() & added.keys():
            _log.warning("%s was not there any more and was made anew", added[moved].endpoint)
            self._open[moved].close()
        self._open |= added
        for endpoint, name in names.items():
            self._open[endpoint].name = name

    def _name_inherited(self, settings: Settings) -> None:
        for listener in self._inherited:
            listener.take_name(settings.listeners)

    def close(self) -> None:
        """Accept nothing more."""
        for listener in (*self._inherited, *self._open.values()):
            listener.close()
        self._inherited = []
        self._open = {}
