from django.db import migrations, models


def name() -> models.CharField:
    return models.CharField(blank=True, db_default="", default="", max_length=150)


class Migration(migrations.Migration):
    dependencies = [("workflow", "0004_people")]

    operations = [
        migrations.AddField("flow", "owner_name", name()),
        migrations.AddField("flow", "assignee_name", name()),
        # a default of the database: the history's rows themselves are never touched
        migrations.AddField("move", "by_name", name()),
        migrations.AddField("entry", "by_name", name()),
    ]
