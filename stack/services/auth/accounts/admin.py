from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import Throttled

from accounts import clients, names
from accounts.attempts import PASSWORDS
from accounts.models import User

RIGHTS = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")


class LimitedLogin(AdminAuthenticationForm):
    """The same limit as for the API: whoever guesses passwords would else do it here."""

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username", "")
        client = clients.client_of(self.request, email)
        try:
            PASSWORDS.take(email, client)
        except Throttled as error:
            raise ValidationError(str(error.detail)) from None
        cleaned: dict[str, Any] = super().clean()
        PASSWORDS.forgive(email, client)
        return cleaned


admin.site.login_form = LimitedLogin


def login(request: HttpRequest) -> HttpResponse:
    """In place of the admin's own, which has no hook for the answer."""
    response: HttpResponse = admin.site.login(request)
    if request.method == "POST" and isinstance(request.user, User):
        clients.remember(request, response, request.user)
    return response


@admin.register(User)
class AccountAdmin(UserAdmin):
    """Who may change accounts may not give themselves, or anybody, more rights than that, nor take over an account
    that has any: rights, and the accounts of staff, are the superusers' to change."""

    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "verified", "is_staff", "is_active", "last_login")
    list_filter = ("verified", *UserAdmin.list_filter)
    search_fields = ("email", "first_name", "last_name")
    fieldsets = (
        (None, {"fields": ("email", "verified", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": RIGHTS}),
    )
    add_fieldsets = ((None, {"fields": ("email", "verified", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *(name for name in RIGHTS if name != "is_active"))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_below(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_below(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("first_name", "last_name"):
            field.validators.append(names.fits)
        return field


def _is_below(request: HttpRequest, account: User | None) -> bool:
    if account is None or request.user.is_superuser:
        return True
    return not (account.is_staff or account.is_superuser)


admin.site.unregister(Group)


@admin.register(Group)
class RightsOfGroups(GroupAdmin):
    """Who could change a group that they are in would have whatever right they like."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)
