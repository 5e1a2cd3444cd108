"""What was told before named people by their addresses, staff to customers, too."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

SAYS = (("comment.created", " wrote about “"), ("workflow.assigned", " now works on “"))


def unnamed(apps: Any, schema_editor: Any) -> None:
    told = apps.get_model("notification", "Notification").objects
    for kind, words in SAYS:
        for one in told.filter(kind=kind, text__contains=words).iterator(chunk_size=1000):
            who, _, rest = one.text.partition(words)
            if "@" in who:
                told.filter(pk=one.pk).update(text=f"Somebody{words}{rest}")


class Migration(migrations.Migration):
    dependencies = [("notification", "0002_gone")]

    operations = [
        migrations.RunPython(unnamed, migrations.RunPython.noop, elidable=True),
        migrations.AddField("mail", "ticket_id", models.BigIntegerField(null=True)),
        migrations.AddIndex(
            "mail",
            models.Index(fields=["ticket_id"], name="waiting_of_a_ticket", condition=models.Q(state="waiting")),
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=64)),
                ("app", models.BooleanField()),
                ("mail", models.BooleanField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("person_id", "kind"), name="one_switch_of_a_kind")],
            },
        ),
    ]
