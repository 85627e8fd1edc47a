"""Tests of the bundled mapping."""
