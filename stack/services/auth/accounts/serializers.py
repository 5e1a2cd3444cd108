from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from rest_framework import serializers

from accounts import verification
from accounts.models import User, normalised

TAKEN = "there is an account with this address"


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "first_name", "last_name", "is_staff", "verified")


class StaffSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="shown_name")

    class Meta:
        model = User
        fields = ("id", "email", "name")


class RegisterSerializer(serializers.Serializer[User]):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    first_name = serializers.CharField(max_length=150, required=False, default="")
    last_name = serializers.CharField(max_length=150, required=False, default="")

    def validate_email(self, value: str) -> str:
        email = normalised(value)
        if len(email) > 254:  # some letters grow when they become small
            raise serializers.ValidationError("the address is too long")
        if User.objects.filter(email=email).exists():
            raise serializers.ValidationError(TAKEN)
        return email

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        about = User(**{name: value for name, value in attrs.items() if name != "password"})
        try:
            validate_password(attrs["password"], about)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        try:
            with transaction.atomic():
                user = User.objects.create_user(**validated_data)
                verification.ask(user)
                return user
        except IntegrityError:  # two requests at once
            raise serializers.ValidationError({"email": [TAKEN]}) from None


class LoginSerializer(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class LoggedInSerializer(serializers.Serializer[None]):
    access = serializers.CharField()
    expires_in = serializers.IntegerField()
    user = UserSerializer()


class VerifySerializer(serializers.Serializer[None]):
    token = serializers.CharField(max_length=1000)


class VerifiedSerializer(serializers.Serializer[None]):
    verified = serializers.BooleanField()


class VerifyAgainSerializer(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)


class KeysSerializer(serializers.Serializer[None]):
    keys = serializers.ListField(child=serializers.DictField())
