"""Tests of mmx.core."""
