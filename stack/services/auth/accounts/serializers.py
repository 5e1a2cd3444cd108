from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts import links, names
from accounts.models import User, normalised

# Counted in bytes as well, as the address travels in the access token.
_ADDRESS = 254


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name", "is_staff", "verified")
        read_only_fields = ("email", "is_staff", "verified")
        extra_kwargs = {name: {"validators": [names.fits]} for name in ("first_name", "last_name")}  # noqa: RUF012


class StaffSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="shown_name")

    class Meta:
        model = User
        fields = ("id", "email", "name")


class Address(serializers.EmailField):
    """As it is kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_ADDRESS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        email = normalised(super().to_internal_value(data))
        if len(email.encode()) > _ADDRESS:  # some letters grow when they become small
            raise serializers.ValidationError("the address is too long")
        return email


def secret() -> serializers.CharField:
    return serializers.CharField(max_length=128, trim_whitespace=False)


def check_password(password: str, user: User) -> None:
    """A new one; raises serializers.ValidationError."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({"password": error.messages}) from None


class AddressSerializer(serializers.Serializer[None]):
    email = Address()


class RegisteredSerializer(serializers.Serializer[None]):
    email = serializers.EmailField()
    token = serializers.CharField(allow_null=True, help_text="Where the site sends no mail: what a link would hold.")


class TokenSerializer(serializers.Serializer[None]):
    token = serializers.CharField(max_length=links.LONGEST)


class VerifySerializer(TokenSerializer):
    password = secret()
    first_name = serializers.CharField(required=False, default="", allow_blank=True, validators=[names.fits])
    last_name = serializers.CharField(required=False, default="", allow_blank=True, validators=[names.fits])


class VerifiedSerializer(serializers.Serializer[None]):
    verified = serializers.BooleanField()
    email = serializers.EmailField()


class LoginSerializer(serializers.Serializer[None]):
    email = serializers.CharField(max_length=_ADDRESS)
    password = secret()


class LoggedInSerializer(serializers.Serializer[None]):
    access = serializers.CharField(required=False, help_text="For programs alone; a browser has it in a cookie.")
    expires_in = serializers.IntegerField()
    user = UserSerializer()


class NewPasswordSerializer(serializers.Serializer[None]):
    current = secret()
    password = secret()


class ResetSerializer(TokenSerializer):
    password = secret()


class NewAddressSerializer(serializers.Serializer[None]):
    email = Address()
    password = secret()


class WhoseSerializer(serializers.Serializer[None]):
    email = serializers.EmailField()


class KeysSerializer(serializers.Serializer[None]):
    keys = serializers.ListField(child=serializers.DictField())
