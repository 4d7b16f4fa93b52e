"""Tests of mmx; directories mirror those of mmx."""
