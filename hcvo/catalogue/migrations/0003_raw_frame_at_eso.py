"""Simulated frames are not in ESO's archive: those that are here already are found by their cards."""

from django.db import migrations, models

_SIMULATED = """\
UPDATE archive.raw_frame SET at_eso = false
WHERE cards ->> 'ESO DET CHIP1 ID' LIKE 'SIM-%' OR cards -> 'HCVO SIM' = 'true'"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_target_without_rights")]

    operations = [
        migrations.AddField(
            model_name="rawframe",
            name="at_eso",
            field=models.BooleanField(
                default=True, help_text="ESO's archive has the file; false when simulated"
            ),
        ),
        migrations.RunSQL(_SIMULATED, migrations.RunSQL.noop),
    ]
