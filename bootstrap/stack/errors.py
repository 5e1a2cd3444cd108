"""What is wrong in a stack's folder."""

from __future__ import annotations

from bootstrap.errors import UsageError


class StackError(UsageError):
    """`where` in the stack's files, and what is wrong there."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}", remedy)
        self.where, self.what = where, what
