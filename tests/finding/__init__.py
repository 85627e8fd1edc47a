"""Tests of reading a finding."""
