"""Tests of mmx.tools."""
