"""Candidates know what a negative companion says of them; of those that are here already it is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0006_false_rate_of_candidates")]

    operations = [
        migrations.AddField(
            model_name="detection",
            name="neg_sep",
            field=models.FloatField(help_text="mas, by a negative companion", null=True),
        ),
        migrations.AddField(
            model_name="detection",
            name="neg_pa",
            field=models.FloatField(help_text="deg, by a negative companion", null=True),
        ),
        migrations.AddField(
            model_name="detection",
            name="neg_contrast",
            field=models.FloatField(help_text="by a negative companion", null=True),
        ),
        migrations.AddField(
            model_name="detection",
            name="neg_differs",
            field=models.BooleanField(default=False, help_text="more than 3 errors off the fit"),
        ),
    ]
