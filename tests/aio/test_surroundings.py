"""What becomes of a message in which mmx fails, in the words of each of the driver's surroundings."""

from mmx.aio.observation import Observation
from mmx.aio.sessions import Sessions


def test_the_words_say_what_happens_to_mail() -> None:
    assert Sessions.fault == "the message is refused with 451"
    assert Observation.fault == "the child misses the message"
