from django.urls import include, path

from messaging.search import Search
from messaging.views import Comments

urlpatterns = [
    path("", include("common.health")),
    path("api/messaging/search/", Search.as_view()),
    path("api/messaging/tickets/<int:ticket>/comments/", Comments.as_view()),
]
