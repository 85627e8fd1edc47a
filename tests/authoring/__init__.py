"""Tests of maintaining the mapping."""
