"""What the enricher costs, beside a baseline commit and other tools: `make bench`."""
