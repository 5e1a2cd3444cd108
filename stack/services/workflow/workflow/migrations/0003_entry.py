"""What happens to a ticket besides its moves, as protected as these."""

from django.db import migrations, models


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("""
            CREATE TRIGGER workflow_history_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow_entry
            FOR EACH STATEMENT EXECUTE FUNCTION workflow_history_stays();
        """)


def unprotect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER workflow_history_stays ON workflow_entry")


class Migration(migrations.Migration):
    dependencies = [("workflow", "0002_steps")]

    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ticket", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("by_id", models.BigIntegerField()),
                ("by_email", models.EmailField(max_length=254)),
                ("kind", models.SlugField(max_length=16)),
                ("data", models.JSONField()),
            ],
            options={"ordering": ("at", "id")},
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["ticket", "at", "id"], name="entries_of_a_ticket"),
        ),
        migrations.RunPython(protect, unprotect),
    ]
