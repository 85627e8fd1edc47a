"""Tests of the evidence engine and of every rule in mapping/evidence."""
