from typing import Any

from django.db import migrations, models


def index_bodies(apps: Any, schema_editor: Any) -> None:
    """For `icontains`, which compares what is in capitals. The extension is a trusted one: the database's owner may."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(
            "CREATE INDEX comment_words ON messaging_comment USING gin (UPPER(body) gin_trgm_ops)"
        )


def drop_index(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX comment_words")


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.AddField(
            "comment", "author_name", models.CharField(blank=True, db_default="", default="", max_length=150)
        ),
        migrations.AddField("comment", "owner_id", models.BigIntegerField(null=True)),
        migrations.AddField("comment", "attachments", models.JSONField(null=True)),
        migrations.AddIndex("comment", models.Index(fields=["owner_id", "-id"], name="comments_of_an_owner")),
        migrations.RunPython(index_bodies, drop_index),
    ]
