from common.logs import configuration
from common.service import *  # noqa: F403
from common.service import ALLOWED_HOSTS, INSTALLED_APPS

SERVICE = "messaging-service"
ROOT_URLCONF = "messaging.urls"
LOGGING = configuration(SERVICE)
# Other services call it by this name.
ALLOWED_HOSTS = [*ALLOWED_HOSTS, SERVICE]
INSTALLED_APPS = [*INSTALLED_APPS, "messaging"]
