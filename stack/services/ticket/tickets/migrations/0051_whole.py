from django.db import migrations, models


def name() -> models.CharField:
    return models.CharField(blank=True, db_default="", default="", max_length=150)


class Migration(migrations.Migration):
    dependencies = [("tickets", "0050_load")]

    operations = [
        migrations.AddField("ticket", "owner_name", name()),
        migrations.AddField("ticket", "assignee_name", name()),
        migrations.AddField("ticket", "due_at", models.DateTimeField(null=True)),
        migrations.AddIndex("ticket", models.Index(fields=["due_at", "-id"], name="ticket_due")),
        migrations.AddField(
            "attachment", "content_type", models.CharField(blank=True, db_default="", default="", max_length=40)
        ),
    ]
