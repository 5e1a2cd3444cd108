"""What people read about their accounts. Each goes to an address, whose reader may have no account at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from notification.texts import Message, one_line

_NOT_YOU = "If that was not you, do nothing: without this link nothing happens."
_ALARM = (
    "If that was not you, somebody else has your account: ask for a new password at once, and tell the administrator."
)


def message(about: str, data: dict[str, Any]) -> Message:
    subject, text = _TEXTS[about]
    return Message(f"account.{about}", subject, text(data))


def _sign_up(data: dict[str, Any]) -> str:
    return (
        "Please confirm that this address is yours, and choose a password, by opening this link within three days:"
        f"\n\n{data['link']}\n\n{_NOT_YOU}"
    )


def _has_account(data: dict[str, Any]) -> str:
    return (
        "Somebody, probably you, wanted to sign up with this address, but you have an account already. If you forgot "
        f"your password, choose a new one:\n\n{data['link']}\n\nIf that was not you, do nothing."
    )


def _reset(data: dict[str, Any]) -> str:
    return f"Choose a new password by opening this link within a day:\n\n{data['link']}\n\n{_NOT_YOU}"


def _no_account(data: dict[str, Any]) -> str:
    return (
        "Somebody, probably you, asked for a new password, but there is no account with this address. Perhaps you used "
        f"another one; or sign up:\n\n{data['link']}\n\nIf that was not you, do nothing."
    )


def _address(data: dict[str, Any]) -> str:
    # an event of the release before does not say which
    which = f"the account {one_line(data['old'])}" if data.get("old") else "your account"
    return (
        f"Please confirm that {which} moves to this address by opening this link within a day:\n\n{data['link']}"
        "\n\nIf that is not your account, do nothing: without this link nothing happens."
    )


def _address_taken(data: dict[str, Any]) -> str:
    return (
        "Somebody, probably you, wanted to move an account to this address, but you have another account with it. "
        "Nothing was changed."
    )


def _password_changed(data: dict[str, Any]) -> str:
    return f"The password of your account was changed, and all devices were logged out.\n\n{_ALARM}"


def _address_changed(data: dict[str, Any]) -> str:
    return (
        f"Your account moved from this address to {one_line(data['new'])}.\n\nIf that was not you, somebody else has "
        "your account, and mails about it no longer come here: write to the administrator of this site at once."
    )


_TEXTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "sign_up": ("Confirm your address", _sign_up),
    "has_account": ("You have an account already", _has_account),
    "reset": ("Choose a new password", _reset),
    "no_account": ("There is no account with this address", _no_account),
    "address": ("Confirm your new address", _address),
    "address_taken": ("This address has an account already", _address_taken),
    "password_changed": ("Your password was changed", _password_changed),
    "address_changed": ("Your address was changed", _address_changed),
}
