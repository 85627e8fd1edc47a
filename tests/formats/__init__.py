"""Test the formats."""
