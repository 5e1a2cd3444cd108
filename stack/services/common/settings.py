"""What all Django services set alike; a service's own settings start with `from common.settings import *`."""

from __future__ import annotations

import sys
from typing import Any

import dj_database_url

from common import env

DEBUG = env.flag("DJANGO_DEBUG")
if DEBUG and env.required("DJANGO_ENV") != "development":
    sys.exit("DJANGO_DEBUG is True outside of DJANGO_ENV=development: it would show secrets to visitors")

# Functions that a process starts once it may: see common/gunicorn.py.
BACKGROUND: list[str] = []

RELEASE = env.optional("RELEASE", "unknown")
BASE_URL = env.required("DJANGO_BASE_URL")
BROKER_URL = env.required("CELERY_BROKER_URL")
SECRET_KEY = env.required("DJANGO_SECRET_KEY", min_length=50)

ALLOWED_HOSTS = [*env.items("DJANGO_ALLOWED_HOSTS"), "localhost"]
CORS_ALLOWED_ORIGINS = env.items("DJANGO_CORS_ALLOWED_ORIGINS")
CSRF_TRUSTED_ORIGINS = env.items("DJANGO_CSRF_TRUSTED_ORIGINS")

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(env.required("DATABASE_URL"), conn_max_age=60, conn_health_checks=True)
}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A database that went away is noticed within seconds, not when TCP gives up.
    DATABASES["default"]["OPTIONS"] = {"connect_timeout": 2, "tcp_user_timeout": 3000}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# nginx ends TLS, redirects and sends HSTS.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = "/app/static"
MEDIA_ROOT = "/app/media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.parsers.StrictJSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "common.openapi.Schema",
}
