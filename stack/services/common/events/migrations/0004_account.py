from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0003_outbox_left_at")]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("person_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254)),
                ("is_staff", models.BooleanField()),
                ("is_active", models.BooleanField()),
                ("changed_at", models.DateTimeField()),
            ],
        ),
    ]
