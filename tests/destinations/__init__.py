"""Test the destinations."""
