"""What was told before named people by their addresses, staff to customers, too."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

SAYS = (("comment.created", " wrote about “"), ("workflow.assigned", " now works on “"))


# At once: a statement for each would hold visitors for a minute, where 60,000 were told.
AT_ONCE = """
UPDATE notification_notification SET text = left('Somebody' || substr(text, strpos(text, %(words)s)), 500)
WHERE kind = %(kind)s AND strpos(split_part(text, %(words)s, 1), '@') > 0 AND strpos(text, %(words)s) > 0
"""


def unnamed(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            for kind, words in SAYS:
                cursor.execute(AT_ONCE, {"kind": kind, "words": words})
        return
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
