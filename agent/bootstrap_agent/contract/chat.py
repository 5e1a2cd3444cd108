"""What a chat's incoming webhook gets, of the operator's side and of the droplet's. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def message(text: str, event: str, facts: Mapping[str, str]) -> dict[str, str]:
    """`text` is what Slack, Mattermost and others show, `content` what Discord does."""
    return {"text": text, "content": text, "event": event, **facts}
