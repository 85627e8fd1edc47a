"""Tests of the built artifact."""
