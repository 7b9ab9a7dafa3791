"""`python -m lumenspan_desktop`."""

import sys

from lumenspan_desktop.main import main

if __name__ == "__main__":
    sys.exit(main())
