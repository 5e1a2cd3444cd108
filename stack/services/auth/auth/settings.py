from common import env
from common.logs import configuration
from common.settings import *  # noqa: F403
from common.settings import ALLOWED_HOSTS, REST_FRAMEWORK

SERVICE = "auth-service"
ROOT_URLCONF = "auth.urls"
LOGGING = configuration(SERVICE)
# Other services call it by this name.
ALLOWED_HOSTS = [*ALLOWED_HOSTS, SERVICE]

JWT_SIGNING_KEY = env.required("DJANGO_JWT_SIGNING_KEY", min_length=32)
JWT_LIFETIME_S = 15 * 60
REFRESH_LIFETIME_S = 14 * 24 * 3600
FRONTEND_URL = env.required("DJANGO_FRONTEND_URL").rstrip("/")
# Only whether there is one: notification-service sends the mails.
EMAIL_HOST = env.optional("DJANGO_EMAIL_HOST")
BACKGROUND = ["common.events.publisher.start"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "common.events",
    "accounts",
]
MIDDLEWARE = [
    "common.middleware.RequestLog",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.AccountToken"]}
