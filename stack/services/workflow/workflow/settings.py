from common.logs import configuration
from common.service import *  # noqa: F403
from common.service import ALLOWED_HOSTS, INSTALLED_APPS

SERVICE = "workflow-api"
ROOT_URLCONF = "workflow.urls"
LOGGING = configuration(SERVICE)
# Other services call it by this name.
ALLOWED_HOSTS = [*ALLOWED_HOSTS, SERVICE]
INSTALLED_APPS = [*INSTALLED_APPS, "workflow"]

EVENT_QUEUE = "workflow-events"
EVENT_HANDLERS = {
    "account.changed": "workflow.handlers.account_changed",
    "account.renamed": "workflow.handlers.account_renamed",
    "ticket.created": "workflow.handlers.ticket_created",
    "ticket.attached": "workflow.handlers.ticket_attached",
    "ticket.detached": "workflow.handlers.ticket_detached",
    "ticket.updated": "workflow.handlers.ticket_updated",
    "ticket.deleted": "workflow.handlers.ticket_deleted",
}
