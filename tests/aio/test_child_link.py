"""One connection of the driver to a child."""

from mmx.aio.child_link import ChildLink
from mmx.core.action import Loss
from mmx.core.plan import ChildPlan
from tests.aio.peers import FakeChild, until
from tests.aio.puppet import set_up, tear_down


async def test_closing_it_while_it_dials_ends_the_dialling(child: FakeChild) -> None:
    setup = await set_up(ChildPlan("scanner", child.endpoint))
    link = ChildLink(setup.driver, setup.session.children[0], setup.around)
    started = setup.around.dial(link.child, link.stream, link.failed)
    assert not isinstance(started, Loss)
    link.dialling = started
    link.close()
    link.close()
    await tear_down(setup)
    assert setup.session.names() == ["mta_lost"]


async def test_it_tells_the_driver_what_happens_to_it(child: FakeChild) -> None:
    setup = await set_up(ChildPlan("scanner", child.endpoint))
    link = ChildLink(setup.driver, setup.session.children[0], setup.around)
    result = setup.around.dial(link.child, link.stream, link.failed)
    assert not isinstance(result, Loss)
    link.dialling = result
    await until(lambda: "child_up" in setup.session.names())
    link.received([b"a", b"b"])
    link.blocked(True)
    assert setup.session.heard[1:] == [
        ("from_child", link.child, b"a"),
        ("from_child", link.child, b"b"),
        ("child_blocked", link.child, True),
    ]
    link.close()
    await tear_down(setup)
