"""Tests of running a route."""
