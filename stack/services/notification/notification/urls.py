from django.urls import include, path

from notification.views import Notifications, ReadAll, ReadOne

urlpatterns = [
    path("", include("common.health")),
    path("api/notifications/", Notifications.as_view()),
    path("api/notifications/read/", ReadAll.as_view()),
    path("api/notifications/<int:pk>/read/", ReadOne.as_view()),
]
