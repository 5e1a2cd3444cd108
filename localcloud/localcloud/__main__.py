"""`python -m localcloud`, as the console script `localcloud` does."""

import sys

from localcloud.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
