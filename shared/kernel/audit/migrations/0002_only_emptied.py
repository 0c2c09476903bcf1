"""What stands in the trail stands: erasure empties what names a person, and nothing can be written over it."""

from django.db import migrations

#: Reads nothing but the two rows it is given. SQLSTATE 42501 is that of a right which is missing.
ONLY_EMPTIED = """
CREATE FUNCTION audit_only_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    name text;
    value jsonb;
    before jsonb := to_jsonb(OLD);
BEGIN
    FOR name, value IN SELECT * FROM jsonb_each(to_jsonb(NEW)) LOOP
        IF value IS DISTINCT FROM before -> name AND value::text NOT IN ('null', '""', '{}', '[]') THEN
            RAISE insufficient_privilege
                USING MESSAGE = format('permission denied: %I.%I can only be emptied', TG_TABLE_NAME, name);
        END IF;
    END LOOP;
    RETURN NEW;
END
$$
"""


class Migration(migrations.Migration):
    reviewed = "the last release only adds rows to the trail; a trigger before UPDATE locks out no reader and no INSERT for long"

    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            [
                ONLY_EMPTIED.strip(),
                "REVOKE ALL ON FUNCTION audit_only_emptied() FROM PUBLIC",
                "CREATE TRIGGER audit_entry_only_emptied BEFORE UPDATE ON audit_entry "
                # The owner's and the server's own hands, which restore rows, are not what this keeps off.
                "FOR EACH ROW WHEN (current_user <> 'owner' AND current_setting('is_superuser') = 'off') "
                "EXECUTE FUNCTION audit_only_emptied()",
            ],
            migrations.RunSQL.noop,
        ),
    ]
