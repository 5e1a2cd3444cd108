from accounts.admin import login
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("common.health")),
    path("api/auth/", include("accounts.urls")),
    path("admin/login/", login),
    path("admin/", admin.site.urls),
]
