"""A target is shown with what is public of it; the view that used its own rights is made anew by publishing."""

from django.db import migrations

_COLUMNS = ("workspace", "owner", "release_time", "validated", "withdrawn")


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]

    operations = [
        migrations.RunSQL("DROP VIEW IF EXISTS hci.target CASCADE", migrations.RunSQL.noop),
        *(migrations.RemoveField(model_name="target", name=name) for name in _COLUMNS),
    ]
