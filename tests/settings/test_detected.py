from mmx.settings.detected import Detection, look_nowhere


def test_looking_nowhere_finds_nothing() -> None:
    assert look_nowhere(True) == look_nowhere(False) == Detection()
