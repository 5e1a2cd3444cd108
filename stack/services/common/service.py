"""Settings of the services that check tokens but keep no accounts: everything but auth-service."""

from __future__ import annotations

from common import env
from common.settings import *  # noqa: F403
from common.settings import REST_FRAMEWORK

AUTH_SERVICE_URL = env.required("DJANGO_AUTH_SERVICE_URL")
TICKET_SERVICE_URL = env.required("DJANGO_TICKET_SERVICE_URL")

INSTALLED_APPS = ["corsheaders", "rest_framework", "common.events"]
MIDDLEWARE = [
    "common.middleware.RequestLog",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
BACKGROUND = ["common.events.publisher.start"]
# The same of the service's Celery worker, if it has one.
WORKER_BACKGROUND = ["common.events.publisher.start"]
# What the service hears: its queue in common/events/topology.py, and topic → dotted path of a function of the event.
EVENT_QUEUE = ""
EVENT_HANDLERS: dict[str, str] = {}

REST_FRAMEWORK = {
    **REST_FRAMEWORK,
    "DEFAULT_AUTHENTICATION_CLASSES": ["common.authentication.AccessToken"],
    "DEFAULT_PAGINATION_CLASS": "common.pages.Pages",
    "UNAUTHENTICATED_USER": None,
}
