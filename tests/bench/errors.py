"""What can go wrong in a benchmark run."""


class BenchError(Exception):
    """The benchmark cannot be run, or a message was not treated as it had to be; the text says what."""
