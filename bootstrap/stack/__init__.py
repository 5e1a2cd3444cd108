"""The stack: its Compose file with x-bootstrap, the example of its environment, and what `stack check` finds."""
