from django.urls import include, path

from notification.preferences import Preferences
from notification.views import Notifications, ReadAll, ReadOne

urlpatterns = [
    path("", include("common.health")),
    path("api/notifications/", Notifications.as_view()),
    path("api/notifications/preferences/", Preferences.as_view()),
    path("api/notifications/read/", ReadAll.as_view()),
    path("api/notifications/<int:pk>/read/", ReadOne.as_view()),
]
