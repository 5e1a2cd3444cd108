"""The steps, how one comes from one to another, and a history that nobody rewrites."""

from django.db import migrations

STEPS = (
    # key, name, final
    ("open", "Open", False),
    ("in_progress", "In progress", False),
    ("resolved", "Resolved", False),
    ("closed", "Closed", True),
)
TRANSITIONS = (
    # key, name, from, to, may the owner?
    ("start", "Start work", "open", "in_progress", False),
    ("resolve", "Resolve", "in_progress", "resolved", False),
    ("close", "Close", "resolved", "closed", True),
    ("reopen", "Reopen", "resolved", "open", True),
    ("reopen", "Reopen", "closed", "open", True),
    ("withdraw", "Withdraw", "open", "closed", True),
)


def seed(apps, schema_editor):
    step = apps.get_model("workflow", "Step")
    transition = apps.get_model("workflow", "Transition")
    for place, (key, name, final) in enumerate(STEPS):
        step.objects.create(key=key, name=name, place=place, final=final)
    for key, name, source, target, owner_may in TRANSITIONS:
        transition.objects.create(key=key, name=name, source_id=source, target_id=target, owner_may=owner_may)


def protect(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("""
        CREATE FUNCTION workflow_history_stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the history of a ticket is never changed'; END $$;
        CREATE TRIGGER workflow_history_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow_move
        FOR EACH STATEMENT EXECUTE FUNCTION workflow_history_stays();
    """)


def unprotect(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION workflow_history_stays CASCADE")


class Migration(migrations.Migration):
    dependencies = [("workflow", "0001_initial")]
    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(protect, unprotect),
    ]
