"""What people read. Titles and comments are other people's words: they stay text, and a subject stays one line."""

from __future__ import annotations

import unicodedata
from typing import Any, NamedTuple

from django.conf import settings

from notification.preferences import NEW_TICKET, NOTED

_SUBJECT = 150


class Message(NamedTuple):
    kind: str
    text: str
    body: str
    ticket: int | None = None

    @property
    def subject(self) -> str:
        return shortened(self.text, _SUBJECT)


def verification(link: str) -> Message:
    body = (
        f"Please confirm that this address is yours by opening this link within three days:\n\n{link}\n\n"
        "If you did not sign up, do nothing: without the link nobody can use the account."
    )
    return Message("account.verification_wanted", "Confirm your address", body)


def received(ticket: dict[str, Any]) -> Message:
    text = f"We have received your ticket {_title(ticket)}"
    return _about(ticket, "ticket.created", text, "You will hear from us as soon as somebody works on it.")


def opened(ticket: dict[str, Any], actor: str) -> Message:
    """For staff."""
    return _about(ticket, NEW_TICKET, f"{actor} opened {_title(ticket)}", "Nobody works on it yet.")


def moved(ticket: dict[str, Any], actor: str, step: str) -> Message:
    return _about(ticket, "workflow.moved", f"{_title(ticket)} is now {step.replace('_', ' ')}", f"Changed by {actor}.")


def assigned_to_you(ticket: dict[str, Any], actor: str) -> Message:
    return _about(ticket, "workflow.assigned", f"{_title(ticket)} is now yours to work on", f"Assigned by {actor}.")


def assigned(ticket: dict[str, Any], actor: str, assignee: str | None) -> Message:
    text = f"{assignee} now works on {_title(ticket)}" if assignee else f"Nobody works on {_title(ticket)} now"
    return _about(ticket, "workflow.assigned", text, f"Changed by {actor}.")


def commented(ticket: dict[str, Any], actor: str, excerpt: str) -> Message:
    return _about(ticket, "comment.created", f"{actor} wrote about {_title(ticket)}", _quoted(excerpt))


def noted(ticket: dict[str, Any], actor: str, excerpt: str) -> Message:
    return _about(ticket, NOTED, f"{actor} noted, for staff only, about {_title(ticket)}", _quoted(excerpt))


def _quoted(excerpt: str) -> str:
    return "\n".join(f"> {line}" for line in plain(excerpt).splitlines())


def _about(ticket: dict[str, Any], kind: str, text: str, more: str) -> Message:
    link = f"{settings.FRONTEND_URL}/tickets/{ticket['id']}"
    return Message(kind, text, f"{text}.\n\n{more}\n\n{link}", ticket["id"])


def _title(ticket: dict[str, Any]) -> str:
    return f"“{one_line(ticket['title'])}”"


def one_line(text: str) -> str:
    return " ".join(plain(text).split())


def plain(text: str) -> str:
    """Without characters that steer a terminal or turn text around; of these a line's end may stay."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C")


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
