"""What a variable is for, by its name: the site, a mode, a secret of ours or of somebody else's service."""

from __future__ import annotations

import re

from bootstrap.stack.env_template import DOMAIN
from bootstrap.stack.rules import is_secret

_DOMAIN = re.compile(
    r"(?:^|_)(?:DOMAIN|DOMAIN_NAME|DOMAINNAME|FQDN|VIRTUAL_HOST|LETSENCRYPT_HOST|SERVER_NAME|SITE_HOST|APP_HOST|WEB_DOMAIN|LOCAL_DOMAIN)$"
)
_URL = re.compile(
    r"^(?:\w+_)?(?:APP|SITE|BASE|ROOT|PUBLIC|FRONTEND|FRONT|WEB|SERVER|NEXTAUTH|EXTERNAL|HOME|CLIENT|DJANGO_BASE)_(?:URL|ORIGIN)$|^(?:ORIGIN|URL)$"
)
_ADDRESS = re.compile(r"(?:URL|URI|ROOT|ENDPOINT|ORIGIN|SITE|ADDRESS)$")
_HERE = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d+)?(?:/|$)")
_EXAMPLE = re.compile(r"@(?:localhost|(?:\w+\.)?example\.(?:com|org|net))\b")
_ORIGINS = re.compile(r"(?:CSRF_TRUSTED_ORIGINS|CORS_ALLOWED_ORIGINS|CORS_ORIGINS?|ALLOWED_ORIGINS)$")
_HOSTS = re.compile(r"(?:^|_)ALLOWED_HOSTS$")
_DEBUG = re.compile(r"(?:^|_)DEBUG$")
_MODE = re.compile(
    r"^(?:NODE_ENV|APP_ENV|RAILS_ENV|RACK_ENV|FLASK_ENV|DJANGO_ENV|ENVIRONMENT|GO_ENV|ASPNETCORE_ENVIRONMENT)$"
)
_FOREIGN = re.compile(
    r"AWS|S3_|STRIPE|OPENAI|SENTRY|GITHUB|GITLAB|GOOGLE|TWILIO|SENDGRID|MAILGUN|POSTMARK|SMTP|E?MAIL|SLACK|FACEBOOK|TWITTER|"
    r"DISCORD|TELEGRAM|CAPTCHA|OAUTH|OIDC|CLOUDINARY|AZURE|GCP|LDAP|PAYPAL|ALGOLIA|MAPBOX|NEWRELIC|DATADOG|MASTER_KEY$|SPACES|"
    r"CLIENT_SECRET$|(?:API|ACCESS)_?(?:KEY|TOKEN)$|CLOUDFLARE|DIGITALOCEAN|DO_|VAPID|SMS|ANTHROPIC|LICENSE"
)  # fmt: skip
_LOCAL = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|example\.(?:com|org|net)|\.local\b|\.test\b|yourdomain|domain\.(?:com|tld)|^$"
)

_SECRET = re.compile(r"SECRET_KEY_BASE$|(?:^|_)SALT$|(?:^|_)JWT$|(?:^|_)APP_KEY$|COOKIE_KEY$|SESSION_KEY$")
MAIL = {
    "host": re.compile(r"^(?:\w+_)?(?:EMAIL|MAIL|SMTP)_(?:HOST|SERVER|ADDRESS|HOSTNAME)$"),
    "port": re.compile(r"^(?:\w+_)?(?:EMAIL|MAIL|SMTP)_PORT$"),
    "user": re.compile(r"^(?:\w+_)?(?:EMAIL|MAIL|SMTP)_(?:HOST_USER|USER|USERNAME|LOGIN|USER_NAME)$"),
    "password": re.compile(r"^(?:\w+_)?(?:EMAIL|MAIL|SMTP)_(?:HOST_PASSWORD|PASSWORD|PASS)$"),
    "use_tls": re.compile(r"^(?:\w+_)?(?:EMAIL|MAIL|SMTP)_(?:USE_TLS|TLS)$"),
    "sender": re.compile(
        r"^(?:\w+_)?(?:DEFAULT_FROM_EMAIL|EMAIL_FROM|MAIL_FROM(?:_ADDRESS)?|SMTP_FROM(?:_ADDRESS)?|FROM_EMAIL)$"
    ),
}


def of_the_site(name: str, value: str) -> str | None:
    """The value with `<domain>`, of one that says where the site is; None of any other."""
    bare = re.sub(r"^(https?://)?(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?", "", value)
    if _HOSTS.search(name):
        # as the application splits it
        between = " " if " " in value.strip() and "," not in value else ","
        return between.join((DOMAIN, f"www.{DOMAIN}", "localhost", "127.0.0.1"))
    if _ORIGINS.search(name):
        return f"https://{DOMAIN}"
    if _ADDRESS.search(name) and _HERE.match(value):
        return f"https://{DOMAIN}{bare}"
    if mail_entry(name) == "sender" and _EXAMPLE.search(value):
        return _EXAMPLE.sub(f"@{DOMAIN}", value)
    if not _LOCAL.search(value):
        return None
    if _DOMAIN.search(name):
        return DOMAIN
    if _URL.search(name):
        return f"https://{DOMAIN}{bare if bare.startswith('/') else ''}"
    return None


def of_production(name: str, value: str) -> str | None:
    """Another value for a switch that is set for somebody's own computer."""
    if _DEBUG.search(name) and value.lower() in ("1", "true", "yes", "on"):
        return {"1": "0", "true": "false", "True": "False", "TRUE": "FALSE", "yes": "no", "on": "off"}.get(value, "0")
    if _MODE.search(name) and value.lower() in ("development", "dev", "local"):
        return "Production" if value[:1].isupper() else "production"
    return None


def is_foreign(name: str) -> bool:
    """Somebody else gives it out: nobody can make one up."""
    return _FOREIGN.search(name.upper()) is not None


def is_named_secret(name: str) -> bool:
    return is_secret(name, "x") or _SECRET.search(name.upper()) is not None


def mail_entry(name: str) -> str | None:
    return next((entry for entry, pattern in MAIL.items() if pattern.search(name)), None)
