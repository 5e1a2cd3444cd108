from typing import Any

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Lower, Trim


def small_letters(apps: Any, schema_editor: Any) -> None:
    """Accounts made in the admin with capital letters, which nobody could log in to. Of two that differ in nothing else
    the one in small letters keeps the address, as it is the one that worked."""
    User = apps.get_model("accounts", "User")
    for user in User.objects.annotate(kept=Lower(Trim("email"))).exclude(email=F("kept")):
        if not User.objects.filter(email=user.kept).exists():
            User.objects.filter(pk=user.pk).update(email=user.kept)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_verification_and_sign_ins"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="client",
            field=models.CharField(db_default="", default="", max_length=64),
        ),
        migrations.RemoveIndex(model_name="attempt", name="attempt_of"),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["what", "email", "client"], name="attempt_from"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(condition=models.Q(("verified", False)), fields=["date_joined"], name="unverified"),
        ),
        migrations.RunPython(small_letters, migrations.RunPython.noop),
    ]
