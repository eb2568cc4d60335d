"""Products know the depth their process reached and the atmosphere it had."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0008_facts_of_targets")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="contrast_0p1",
            field=models.FloatField(help_text="5 sigma contrast at 0.1 arcsec", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="contrast_0p2",
            field=models.FloatField(help_text="5 sigma contrast at 0.2 arcsec", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="contrast_0p5",
            field=models.FloatField(help_text="5 sigma contrast at 0.5 arcsec", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="contrast_1p0",
            field=models.FloatField(help_text="5 sigma contrast at 1 arcsec", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="seeing",
            field=models.FloatField(help_text="arcsec, mean over its planes", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="tau0",
            field=models.FloatField(help_text="s, mean over its planes", null=True),
        ),
        migrations.AddField(
            model_name="product",
            name="strehl",
            field=models.FloatField(help_text="at 1.6 um, mean over its planes", null=True),
        ),
    ]
