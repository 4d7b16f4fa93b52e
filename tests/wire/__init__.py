"""Tests of mmx.wire."""
