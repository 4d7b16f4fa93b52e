"""Meaning of the milter protocol: automata, merge of verdicts, model of edits. No I/O, no clock."""
