"""Command lines: argparse, with the exit code that sysexits.h has for a wrong one."""

import argparse
from typing import NoReturn

from mmx.errors import EX_USAGE


class Parser(argparse.ArgumentParser):
    """The parser of a command of mmx."""

    def error(self, message: str) -> NoReturn:
        self.exit(EX_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")
