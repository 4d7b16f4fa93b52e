"""Tests of mmx.observe."""
