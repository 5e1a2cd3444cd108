"""What bakes images, for the commands that do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.cli.context import Context, registry_login
from bootstrap.cli.places import state_dir

if TYPE_CHECKING:
    from bootstrap.images.bake import Workshop
    from bootstrap.settings import Settings


def workshop(context: Context, settings: Settings) -> Workshop:
    from bootstrap.adapters.checkout import checkout
    from bootstrap.adapters.compose import refusal
    from bootstrap.adapters.packer import PackerProcess
    from bootstrap.images.bake import Workshop

    endpoints = context.endpoints
    if endpoints.base_is_stand_in:
        context.console.note("the local cloud's base image is Debian 13, standing in for Ubuntu 22.04")
    return Workshop(
        cloud=context.cloud,
        packer=PackerProcess(),
        checkout=checkout(),
        progress=context.console,
        state_dir=state_dir(),
        api_url=endpoints.api,
        token=endpoints.token,
        registry_mirror=endpoints.registry_mirror,
        registry=registry_login(settings),
        refusal=refusal,
    )
