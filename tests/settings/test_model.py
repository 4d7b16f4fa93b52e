from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest

from mmx.settings import model
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.model import ChildSettings, DefaultAction, Macros, Mode, Settings


def test_the_chain_holds_the_children_that_have_a_say() -> None:
    one = ChildSettings("one", UnixEndpoint("/run/one"))
    two = ChildSettings("two", UnixEndpoint("/run/two"))
    settings = Settings(
        children=(
            one,
            replace(one, name="disabled", enabled=False),
            replace(one, name="observed", mode=Mode.OBSERVE),
            replace(one, name="unknown", endpoint=None),
            two,
        )
    )
    assert settings.chain == (one, two)
    assert settings.observed == (replace(one, name="observed", mode=Mode.OBSERVE),)


def test_a_failure_defers_mail_unless_somebody_decided_otherwise() -> None:
    tempfail = DefaultAction(model.Action.TEMPFAIL, model.Action.TEMPFAIL)
    assert DefaultAction() == Settings().default_action == ChildSettings("x").default_action == tempfail


def test_a_child_has_the_defaults_of_the_whole() -> None:
    settings, child = Settings(), ChildSettings("x")
    for name in ("connect_timeout", "command_timeout", "content_timeout", "default_action"):
        assert getattr(settings, name) == getattr(child, name)


def test_postfix_is_kept_waiting_no_longer_than_it_waits() -> None:
    # postconf(5): milter_connect_timeout 30s, milter_command_timeout 30s, milter_content_timeout 300s.
    settings = Settings()
    assert settings.connect_timeout < 30
    assert settings.command_timeout < 30
    assert settings.content_timeout < 300
    assert settings.limits.foreign_event_timeout < 30
    assert settings.limits.progress_interval < 30 / 2


def test_settings_cannot_be_changed() -> None:
    classes = [kind for kind in vars(model).values() if isinstance(kind, type) and is_dataclass(kind)]
    assert len(classes) > 8
    for kind in classes:
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # not in the stubs
        assert hasattr(kind, "__slots__")
    with pytest.raises(FrozenInstanceError):
        Settings().detect = False  # type: ignore[misc]  # what is tested


def test_macros_have_a_field_for_each_stage_in_order_of_the_protocol() -> None:
    stages = "connect helo mail rcpt data end_of_header end_of_message unknown"
    assert [field.name for field in fields(Macros)] == stages.split()
