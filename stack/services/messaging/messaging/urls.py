from django.urls import include, path

from messaging.views import Comments

urlpatterns = [
    path("", include("common.health")),
    path("api/messaging/tickets/<int:ticket>/comments/", Comments.as_view()),
]
