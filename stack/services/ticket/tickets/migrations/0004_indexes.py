from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_deleted_at")]

    operations = [
        migrations.AddIndex("ticket", models.Index(fields=["-created_at", "-id"], name="ticket_newest")),
        migrations.AddIndex("ticket", models.Index(fields=["-updated_at", "-id"], name="ticket_changed")),
        migrations.AddIndex("ticket", models.Index(fields=["owner_id", "-created_at", "-id"], name="ticket_of_owner")),
        migrations.AddIndex("ticket", models.Index(fields=["status", "-created_at", "-id"], name="ticket_of_status")),
        migrations.AddIndex(
            "ticket",
            models.Index(
                fields=["assignee_id"],
                name="ticket_of_assignee",
                condition=models.Q(("assignee_id", None), _negated=True),
            ),
        ),
    ]
