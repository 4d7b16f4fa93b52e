"""uvloop where it is good enough."""

import asyncio
import importlib.metadata
import sys

import pytest
import uvloop

from mmx.aio.event_loop import loop_factory


def test_loop_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loop_factory() is uvloop.new_event_loop
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.22.1")
    assert loop_factory() is asyncio.new_event_loop
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop
