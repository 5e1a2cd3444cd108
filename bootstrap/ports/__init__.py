"""What use cases need of the outside: Protocols and frozen dataclasses, with the errors that each call may raise."""
