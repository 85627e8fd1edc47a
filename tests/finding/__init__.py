"""Tests of finding parsing."""
