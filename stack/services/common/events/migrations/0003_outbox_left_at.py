from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_inbox")]

    operations = [
        migrations.AddField("outbox", "left_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "outbox", models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(("left_at", None)))
        ),
        migrations.AddIndex("outbox", models.Index(fields=["left_at"], name="outbox_left")),
    ]
