from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notification", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Gone",
            fields=[("ticket_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
    ]
