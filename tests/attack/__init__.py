"""Tests of the ATT&CK catalogue."""
