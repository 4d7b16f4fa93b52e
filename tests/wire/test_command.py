from mmx.wire import command

LETTERS = {
    "OPTNEG": "O", "MACRO": "D", "CONNECT": "C", "HELO": "H", "MAIL": "M", "RCPT": "R", "DATA": "T",
    "HEADER": "L", "EOH": "N", "BODY": "B", "EOM": "E", "ABORT": "A", "QUIT": "Q", "QUIT_NC": "K",
    "UNKNOWN": "U",
}  # fmt: skip


def test_codes_are_those_of_the_protocol() -> None:
    assert {name: chr(code) for code, name in command.NAMES.items()} == LETTERS


def test_every_code_has_its_name() -> None:
    constants = {name: value for name, value in vars(command).items() if isinstance(value, int)}
    assert {name: code for code, name in command.NAMES.items()} == constants
