from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_workflow")]

    operations = [
        migrations.AddField(model_name="ticket", name="deleted_at", field=models.DateTimeField(null=True)),
    ]
