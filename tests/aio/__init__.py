"""Tests of mmx.aio."""
