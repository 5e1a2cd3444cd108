"""What the cloud remembers: rows, their database, questions about them, and the faults that are set."""
