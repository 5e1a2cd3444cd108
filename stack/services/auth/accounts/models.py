from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from common.events.outbox import emit
from common.tokens import Person
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.crypto import get_random_string

from accounts.names import shortened

# What other services keep of an account.
TOLD = ("email", "is_staff", "is_active")
NAMES = ("first_name", "last_name")


def normalised(email: str) -> str:
    """One person, one account: addresses that differ only in case are the same."""
    return email.strip().lower()


def new_verification_key() -> str:
    return get_random_string(32)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normalised(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, verified=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalised(username or ""))


class User(AbstractUser):
    username = None
    email = models.EmailField(unique=True)
    # Also the database's own default: the release before this one, brought back, does not know the columns.
    verified = models.BooleanField(
        default=False, db_default=False, help_text="The address is theirs: they followed the link in the mail."
    )
    # Of the release before this one, which reads it; nothing does any more.
    verification_key = models.CharField(max_length=32, default=new_verification_key, db_default="", editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta(AbstractUser.Meta):
        indexes: ClassVar = [
            models.Index(fields=["date_joined"], name="unverified", condition=models.Q(verified=False))
        ]

    def clean(self) -> None:
        """Forms, the admin's too, look for another account with this address afterwards."""
        super().clean()
        self.email = normalised(self.email)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> User:
        user = super().from_db(db, field_names, values)
        user._remember()
        return user

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember(kwargs.get("fields"))

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Of an account that was read, only what was changed since is written, whoever saves it (Django's own forms
        do, too): what somebody else did meanwhile, a new password or a lost right, stays."""
        self.email = normalised(self.email)
        if self._state.adding:
            super().save(*args, **kwargs)
            if self.is_staff:  # whom others tell of what customers do
                emit("account.joined", self.person(), account=self.told())
        else:
            if kwargs.get("update_fields") is None:
                kwargs["update_fields"] = self._changed()
            self._save_and_tell(*args, **kwargs)
        self._remember(kwargs.get("update_fields"))

    def _save_and_tell(self, *args: Any, **kwargs: Any) -> None:
        changed = set(kwargs["update_fields"])
        before = self._as_kept() if changed & {*TOLD, *NAMES} else None
        super().save(*args, **kwargs)
        if before is not None:
            now = User.objects.get(pk=self.pk)
            if before.told() != now.told():
                emit("account.changed", now.person(), account=now.told())
            if before.own_name != now.own_name:
                emit("account.renamed", now.person(), account={"id": now.pk, "name": now.own_name})

    def _as_kept(self) -> User | None:
        """The row as it is, locked until the commit."""
        return User.objects.select_for_update().filter(pk=self.pk).first()

    def _remember(self, only: Collection[str] | None = None) -> None:
        held = self._held()
        self._read = held if only is None else {**self._read, **{name: held[name] for name in only}}

    def _changed(self) -> list[str]:
        return [name for name, value in self._held().items() if name not in self._read or self._read[name] != value]

    def _held(self) -> dict[str, Any]:
        """What is in memory: a field may have been left for later."""
        names = [field.attname for field in self._meta.concrete_fields if not field.primary_key]
        return {name: self.__dict__[name] for name in names if name in self.__dict__}

    def told(self) -> dict[str, Any]:
        """What other services keep of an account, as far as it was ever said."""
        return {"id": self.pk, **{name: getattr(self, name) for name in TOLD}}

    @property
    def shown_name(self) -> str:
        return self.own_name or self.email

    @property
    def own_name(self) -> str:
        """Empty where they gave none."""
        return shortened(self.get_full_name())

    def person(self) -> Person:
        """As other services see them."""
        return Person(self.pk, self.email, self.is_staff, expires_at=0, name=self.shown_name)


@receiver(post_delete, sender=User)
def left(sender: type[User], instance: User, **_: Any) -> None:
    """Also of many at once, for which no method is called."""
    with transaction.atomic():
        emit("account.changed", instance.person(), account={**instance.told(), "is_staff": False, "is_active": False})


class SignIn(models.Model):
    """One log-in on one device: the family of refresh tokens that follow from it. Gone when it was revoked."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    # Ends with the password it was made with.
    password_fingerprint = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)


class RefreshToken(models.Model):
    """Only the hash: whoever reads the database cannot use it. Kept after its use, to know one that was stolen."""

    sign_in = models.ForeignKey(SignIn, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class Attempt(models.Model):
    """Something that may be done only so often with one address, from one place (`client`, empty: from all together);
    rows older than that are removed."""

    what = models.CharField(max_length=16)
    email = models.CharField(max_length=254)
    client = models.CharField(max_length=64, default="", db_default="")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["what", "email", "client"], name="attempt_from")]


class AppliedSecret(models.Model):
    """The superuser that the environment named last: address, password as a hash, and whose it became."""

    email = models.CharField(max_length=254)
    hashed = models.CharField(max_length=128)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
