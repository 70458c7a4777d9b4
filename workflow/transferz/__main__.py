"""`python -m transferz`: the command, also where it is not installed."""

import sys

from transferz.command import main

if __name__ == "__main__":
    sys.exit(main())
