from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from accounts.attempts import PASSWORDS
from accounts.models import User


class LimitedLogin(AdminAuthenticationForm):
    """The same limit as for the API: whoever guesses passwords would else do it here."""

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username", "")
        try:
            PASSWORDS.take(email)
        except Throttled as error:
            raise ValidationError(str(error.detail)) from None
        cleaned: dict[str, Any] = super().clean()
        PASSWORDS.forgive(email)
        return cleaned


admin.site.login_form = LimitedLogin


@admin.register(User)
class AccountAdmin(UserAdmin):
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "verified", "is_staff", "is_active", "last_login")
    list_filter = ("verified", *UserAdmin.list_filter)
    search_fields = ("email", "first_name", "last_name")
    fieldsets = (
        (None, {"fields": ("email", "verified", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "verified", "password1", "password2")}),)
