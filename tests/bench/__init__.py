"""Benchmarks, run by `make bench` (`python -m tests.bench`).

What is compared with what:

    throughput  Postfix with three libmilter children of its own against Postfix with mmx and the same three,
                round by round in turn, so that a disturbance of the machine hits both
    cpu         mmx alone between the same children and a client that speaks as Postfix does: CPU a message
    idle        the same, without traffic: memory a session
    large       the same, one message of 25 MB: memory at its peak

Ratios and CPU time are what counts; absolute rates belong to the machine that is named above the table.
"""
