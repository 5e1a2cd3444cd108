from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflow", "0003_entry")]

    operations = [
        migrations.AddIndex("flow", models.Index(fields=["owner_id"], name="flow_of_owner")),
        migrations.AddIndex(
            "flow",
            models.Index(fields=["assignee_id"], name="flow_of_assignee", condition=~models.Q(assignee_id=None)),
        ),
    ]
