"""Tests of the simulations and the cost table."""
