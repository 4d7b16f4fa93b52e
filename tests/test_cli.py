from mmx.cli import main


def test_main_ends_well() -> None:
    assert main() == 0
