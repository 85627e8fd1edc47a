"""Decide the techniques of a finding, and write its `attack` and `alert`."""
