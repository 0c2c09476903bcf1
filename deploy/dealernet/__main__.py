"""``python -m dealernet`` is the command ``dealernet``."""

import sys

from dealernet.cli import main

if __name__ == "__main__":
    sys.exit(main())
