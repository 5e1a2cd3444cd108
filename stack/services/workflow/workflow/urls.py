from django.urls import include, path

urlpatterns = [
    path("", include("common.health")),
]
