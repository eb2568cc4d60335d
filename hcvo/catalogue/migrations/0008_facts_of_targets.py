"""Targets gain magnitudes, spectral type, age and radial velocity, each with its reference."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0007_negative_companions")]

    operations = [
        migrations.AddField(
            model_name="target",
            name="mag_b",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_v",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_r",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_i",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_g",
            field=models.FloatField(help_text="mag, Gaia G", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_j",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_h",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="mag_k",
            field=models.FloatField(help_text="mag, Vega", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="sp_type",
            field=models.TextField(default="", help_text="spectral type"),
        ),
        migrations.AddField(
            model_name="target",
            name="age",
            field=models.FloatField(help_text="Myr", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="rv",
            field=models.FloatField(help_text="km/s, radial velocity", null=True),
        ),
        migrations.AddField(
            model_name="target",
            name="references",
            field=models.JSONField(default=dict, help_text="fact (position, pm, mag_b ...) to its bibcode"),
        ),
    ]
