"""The command line: `main.py` and `faults.py` parse, `control.py` acts, `look.py` looks."""
