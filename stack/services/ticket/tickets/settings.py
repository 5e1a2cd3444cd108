from common import env
from common.logs import configuration
from common.service import *  # noqa: F403
from common.service import ALLOWED_HOSTS, BACKGROUND, INSTALLED_APPS

SERVICE = "ticket-service"
ROOT_URLCONF = "tickets.urls"
LOGGING = configuration(SERVICE)
# Other services call it by this name.
ALLOWED_HOSTS = [*ALLOWED_HOSTS, SERVICE]
INSTALLED_APPS = [*INSTALLED_APPS, "tickets"]

# Of a deployment whose settings were made before it was one of them, the name that the Compose file gives it.
MESSAGING_SERVICE_URL = env.optional("DJANGO_MESSAGING_SERVICE_URL", "http://messaging-service:8001")

BACKGROUND = [*BACKGROUND, "common.events.consumer.start"]
EVENT_QUEUE = "ticket-events"
EVENT_HANDLERS = {
    "account.changed": "tickets.handlers.account_changed",
    "account.renamed": "tickets.handlers.account_renamed",
    "workflow.started": "tickets.handlers.follow",
    "workflow.moved": "tickets.handlers.follow",
    "workflow.assigned": "tickets.handlers.follow",
}

ATTACHMENT_BYTES = 8 * 1024 * 1024
ATTACHMENTS_PER_TICKET = 20
UPLOADS_PER_PERSON_MB = int(env.optional("UPLOADS_PER_PERSON_MB", "500"))
# 0 for no bound but the disk's.
UPLOADS_TOTAL_MB = int(env.optional("UPLOADS_TOTAL_MB", "0"))
# Of the disk that files share with the databases.
UPLOADS_LEAVE_FREE_MB = 512
# nginx reads the files, as another user.
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755
