"""The manual pages, from the parsers of the verbs: `python -m mmx.tools.manual DIR`."""
