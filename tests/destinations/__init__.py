"""Test the destinations of enriched findings."""
