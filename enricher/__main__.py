"""Entry point of the command line: `python3 -m enricher`."""

import sys

from enricher.cli import main

if __name__ == "__main__":
    sys.exit(main())
