"""Data of another host's, streamed in: loaded beside what is there, and taken in its place at the end."""
