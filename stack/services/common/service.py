"""Settings of the services that check tokens but keep no accounts: everything but auth-service."""

from __future__ import annotations

from common import env
from common.settings import *  # noqa: F403
from common.settings import REST_FRAMEWORK

AUTH_SERVICE_URL = env.required("DJANGO_AUTH_SERVICE_URL")

INSTALLED_APPS = ["corsheaders", "rest_framework", "common.events"]
MIDDLEWARE = [
    "common.middleware.RequestLog",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
BACKGROUND = ["common.events.publisher.start"]

REST_FRAMEWORK = {
    **REST_FRAMEWORK,
    "DEFAULT_AUTHENTICATION_CLASSES": ["common.authentication.AccessToken"],
    "DEFAULT_PAGINATION_CLASS": "common.pages.Pages",
    "UNAUTHENTICATED_USER": None,
}
