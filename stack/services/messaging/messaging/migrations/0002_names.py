from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.AddField(
            "comment", "author_name", models.CharField(blank=True, db_default="", default="", max_length=150)
        ),
    ]
