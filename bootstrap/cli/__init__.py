"""The command line: each command parses, calls one use case and prints. The only room that imports click."""
