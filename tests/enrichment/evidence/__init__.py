"""Test what a finding shows: the engine, and every rule of mapping/evidence."""
