from urllib.parse import urlsplit

from common import env
from common.logs import configuration
from common.service import *  # noqa: F403
from common.service import ALLOWED_HOSTS, INSTALLED_APPS, WORKER_BACKGROUND

SERVICE = "notification-service"
ROOT_URLCONF = "notification.urls"
LOGGING = configuration(SERVICE)
# Other services call it by this name.
ALLOWED_HOSTS = [*ALLOWED_HOSTS, SERVICE]
INSTALLED_APPS = [*INSTALLED_APPS, "notification"]

FRONTEND_URL = env.required("DJANGO_FRONTEND_URL").rstrip("/")

EVENT_QUEUE = "notification-events"
EVENT_HANDLERS = {
    "account.changed": "notification.handlers.account_changed",
    "account.joined": "notification.handlers.account_changed",
    "account.mail_wanted": "notification.handlers.account_mail_wanted",
    "account.verification_wanted": "notification.handlers.verification_wanted",
    "ticket.created": "notification.handlers.ticket_created",
    "ticket.deleted": "notification.handlers.ticket_deleted",
    "workflow.started": "notification.handlers.workflow_started",
    "workflow.moved": "notification.handlers.workflow_moved",
    "workflow.assigned": "notification.handlers.workflow_assigned",
    "comment.created": "notification.handlers.comment_created",
    "comment.noted": "notification.handlers.comment_noted",
}
WORKER_BACKGROUND = [*WORKER_BACKGROUND, "notification.sender.start"]

# No host: no mail.
EMAIL_HOST = env.optional("DJANGO_EMAIL_HOST")
EMAIL_BACKEND = env.optional("DJANGO_EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_PORT = int(env.optional("DJANGO_EMAIL_PORT", "2525"))
EMAIL_HOST_USER = env.optional("DJANGO_EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.optional("DJANGO_EMAIL_HOST_PASSWORD")
# These ports speak TLS from the first byte, others once asked to.
EMAIL_USE_SSL = EMAIL_PORT in (465, 2465)
EMAIL_USE_TLS = env.flag("DJANGO_EMAIL_USE_TLS", "true") and not EMAIL_USE_SSL
EMAIL_TIMEOUT = 10
MAIL_DOMAIN = urlsplit(FRONTEND_URL).hostname
DEFAULT_FROM_EMAIL = env.optional("DJANGO_EMAIL_FROM", f"Tickets <no-reply@{MAIL_DOMAIN}>")
