"""Tests of the operations on a deployed stack."""
