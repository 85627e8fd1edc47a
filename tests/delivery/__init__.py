"""Test the delivery pipeline of a route."""
