"""Run the whole pipeline over the example events against an embedded AWS: `python -m demo`."""
