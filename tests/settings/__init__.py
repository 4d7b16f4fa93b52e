"""Tests of mmx.settings."""
