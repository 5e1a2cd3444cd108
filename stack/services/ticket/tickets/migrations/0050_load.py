"""What 100,000 tickets need: lists counted by their indexes, pg_trgm for searches, keys of creates that come again,
and whose files are whose.

pg_trgm is a trusted extension: the service's role may create it, as its database is its own."""

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

THERE = models.Q(("deleted_at", None))
LISTS = {
    "newest": ["-created_at", "-id"],
    "changed": ["-updated_at", "-id"],
    "of_owner": ["owner_id", "-created_at", "-id"],
    "of_status": ["status", "-created_at", "-id"],
}
# As Django asks for `icontains`. The list of what is to be added to an index is kept short, as each search reads it.
SEARCH = """
CREATE INDEX ticket_title_says ON tickets_ticket
USING gin (upper(title::text) gin_trgm_ops) WITH (gin_pending_list_limit = 1024);
CREATE INDEX ticket_description_says ON tickets_ticket
USING gin (upper(description::text) gin_trgm_ops) WITH (gin_pending_list_limit = 1024);
"""


def _replaced(name: str, fields: list[str]) -> list[Operation]:
    index = models.Index(fields=fields, name=f"ticket_{name}_there", condition=THERE)
    return [migrations.RemoveIndex("ticket", f"ticket_{name}"), migrations.AddIndex("ticket", index)]


def _on_postgresql(sql: str):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("tickets", "0004_indexes")]

    operations = [
        *(one for name, fields in LISTS.items() for one in _replaced(name, fields)),
        migrations.RunPython(_on_postgresql("CREATE EXTENSION IF NOT EXISTS pg_trgm"), migrations.RunPython.noop),
        migrations.RunPython(
            _on_postgresql(SEARCH), _on_postgresql("DROP INDEX ticket_title_says, ticket_description_says")
        ),
        migrations.AddField("attachment", "uploaded_by", models.BigIntegerField(db_index=True, null=True)),
        migrations.CreateModel(
            "Once",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("answer", models.TextField(default="")),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("ticket_id", models.BigIntegerField(null=True)),
            ],
        ),
        migrations.AddConstraint(
            "once", models.UniqueConstraint(fields=("person_id", "key"), name="once_of_a_person")
        ),
    ]
