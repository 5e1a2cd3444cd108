"""Two processes that share the code loaded before the fork; threads keep health checks answered during a log-in."""

from common.logs import configuration

bind = "0.0.0.0:8000"
workers = 2
worker_class = "gthread"
threads = 4
preload_app = True
timeout = 30
graceful_timeout = 25
keepalive = 5
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat file, which must not wait for a disk
control_socket_disable = True
logconfig_dict = configuration("auth-service")
