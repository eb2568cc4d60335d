"""Candidates know how many peaks of noise stand as high; of those that are here already it is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0005_science_plane_and_quality")]

    operations = [
        migrations.AddField(
            model_name="detection",
            name="false_rate",
            field=models.FloatField(
                help_text="false positives an image at this significance or above, angles mirrored", null=True
            ),
        ),
        migrations.AddField(
            model_name="detection",
            name="false_rate_max",
            field=models.FloatField(help_text="its upper limit, 95 % confidence", null=True),
        ),
    ]
