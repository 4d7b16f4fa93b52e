"""The checks of Postfix as a whole: is it there, does it run, of which version is it, can it reach mmx."""

from collections.abc import Iterator

from mmx.detect.facts import Failure
from mmx.tools.check_finding import Finding, good, unseen
from mmx.tools.check_host import Check, HostView

AREA = "postfix"
UNSEEN = unseen("postfix.unseen")


def presence(view: HostView) -> Iterator[Finding]:
    """Whether there is a Postfix to look at."""
    if isinstance(view.postfix, Failure):
        yield UNSEEN.at("Postfix", view.postfix.reason)
    else:
        yield good(AREA, "Postfix", f"version {view.postfix.value('mail_version')}")


CHECKS = (Check((UNSEEN,), presence),)
