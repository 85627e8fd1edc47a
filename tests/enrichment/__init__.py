"""Tests of mapping a finding to ATT&CK techniques."""
