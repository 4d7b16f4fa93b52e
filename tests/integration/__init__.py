"""Tests that need root or real daemons; run by make integration."""
