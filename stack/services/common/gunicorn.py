"""Processes that share the code loaded before the fork; threads keep health checks answered during slow requests."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from common import env
from common.logs import configuration
from common.patience import bound_statements

bind = f"0.0.0.0:{env.optional('PORT', '8000')}"
workers = int(env.optional("WEB_PROCESSES", "2"))
worker_class = env.optional("WEB_WORKER_CLASS", "gthread")
threads = 4
preload_app = True
timeout = 30
graceful_timeout = 25
keepalive = 5
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat file, which must not wait for a disk
control_socket_disable = True
logconfig_dict = configuration(settings.SERVICE)


def post_worker_init(worker: Any) -> None:
    """After the fork, as threads do not survive one."""
    bound_statements()
    for start in settings.BACKGROUND:
        import_string(start)()
