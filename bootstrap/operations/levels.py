"""How grave a line of a log is. A line that names its level, as JSON or as `level=…`, counts by that; of any other the
words count that programs write for it (`ERROR:`, `[warn]`), and one without such a word is of level info."""

from __future__ import annotations

import re

# with the numbers of pino and bunyan
_WORDS = {
    "debug": "debug|trace|verbose|10|20",
    "info": "info|information|notice|log|30",
    "warning": "warn|warning|40",
    "error": "error|err|severe|50",
    "critical": "critical|crit|fatal|alert|emerg|emergency|panic|60",
}
LEVELS = tuple(_WORDS)
_FIELD = r"""(?:"(?:level|severity|levelname|log\.level)"\s*:\s*"?|\b(?:level|severity)=\"?)"""


def grep(level: str) -> list[str]:
    """What grep is told."""
    if level == "info":
        return ["--perl-regexp", "--ignore-case", "--invert-match", "-e", _of(LEVELS[: LEVELS.index(level)])]
    return ["--perl-regexp", "--ignore-case", "-e", _of(LEVELS[LEVELS.index(level) :])]


def reaches(line: str, level: str) -> bool:
    """The same as grep does."""
    if level == "debug":
        return True
    *options, pattern = grep(level)
    return (re.search(pattern, line, re.IGNORECASE) is not None) != ("--invert-match" in options)


def of(line: str) -> str:
    """The gravest that it reaches."""
    return next(level for level in reversed(LEVELS) if reaches(line, level))


def _of(levels: tuple[str, ...]) -> str:
    """Digits count in a field only."""
    words = "|".join(_WORDS[level] for level in levels)
    plain = "|".join(word for word in words.split("|") if word.isalpha())
    return rf"{_FIELD}(?:{words})\b|^(?!.*{_FIELD}).*(?<![\w-])(?:{plain})(?![\w-])"
