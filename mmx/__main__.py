"""Lets `python -m mmx` do what the command `mmx` does."""

import sys

from mmx.cli import main

sys.exit(main())
