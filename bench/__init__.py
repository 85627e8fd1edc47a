"""Benchmarks, simulations and the cost table; not part of the package."""
