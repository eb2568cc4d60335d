"""Planes of level 1 cubes and numbers of quality control."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0004_missing_calibration"),
    ]

    operations = [
        migrations.CreateModel(
            name="QualityNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "workspace",
                    models.TextField(
                        default="", help_text="workspace it belongs to; empty: the archive's own"
                    ),
                ),
                ("owner", models.TextField(default="", help_text="account of the PI; empty: the archive")),
                (
                    "release_time",
                    models.DateTimeField(help_text="public from then on; null: never", null=True),
                ),
                ("validated", models.BooleanField(default=True, help_text="quality control let it pass")),
                ("withdrawn", models.BooleanField(default=False, help_text="taken back after publication")),
                ("name", models.TextField(help_text="e.g. FRAMES KEPT")),
                (
                    "value",
                    models.FloatField(
                        help_text="its number; 1 or 0 for yes or no; null for a word", null=True
                    ),
                ),
                ("text", models.TextField(help_text="as a reader sees it")),
                ("unit", models.TextField(default="")),
                ("meaning", models.TextField(default="")),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quality",
                        to="catalogue.product",
                    ),
                ),
            ],
            options={
                "db_table": "quality_number",
                "indexes": [models.Index(fields=["name", "value"], name="quality_number_value")],
                "constraints": [
                    models.UniqueConstraint(fields=("product", "name"), name="quality_number_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SciencePlane",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "workspace",
                    models.TextField(
                        default="", help_text="workspace it belongs to; empty: the archive's own"
                    ),
                ),
                ("owner", models.TextField(default="", help_text="account of the PI; empty: the archive")),
                (
                    "release_time",
                    models.DateTimeField(help_text="public from then on; null: never", null=True),
                ),
                ("validated", models.BooleanField(default=True, help_text="quality control let it pass")),
                ("withdrawn", models.BooleanField(default=False, help_text="taken back after publication")),
                ("number", models.IntegerField(help_text="along the cube's time axis, from 0")),
                ("dp_id", models.TextField(help_text="raw file")),
                ("plane", models.IntegerField(help_text="plane of the raw file, from 0")),
                ("t_mid", models.FloatField(help_text="MJD, UTC, middle of the integration")),
                ("angle", models.FloatField(help_text="deg, derotation to the north of ICRS", null=True)),
                ("smear", models.FloatField(help_text="deg, turned during the integration", null=True)),
                ("star_x", models.FloatField(help_text="pixel, from 0, first channel", null=True)),
                ("star_y", models.FloatField(help_text="pixel, from 0, first channel", null=True)),
                ("star_err", models.FloatField(help_text="pixel, each axis", null=True)),
                ("method", models.TextField(default="", help_text="how the star was found")),
                (
                    "residual",
                    models.FloatField(help_text="pixel, wander against the median plane", null=True),
                ),
                (
                    "flux",
                    models.FloatField(
                        help_text="star's light over its median, mean of the channels", null=True
                    ),
                ),
                ("halo", models.FloatField(help_text="adu a pixel, mean of the channels", null=True)),
                ("halo_width", models.FloatField(help_text="pixel", null=True)),
                ("background", models.FloatField(help_text="adu, mean of the channels", null=True)),
                ("strehl", models.FloatField(help_text="at 1.6 um, telemetry", null=True)),
                ("seeing", models.FloatField(help_text="arcsec, telemetry", null=True)),
                ("tau0", models.FloatField(help_text="s, telemetry", null=True)),
                ("wind_speed", models.FloatField(help_text="m/s, telemetry", null=True)),
                ("kept", models.BooleanField(help_text="used by level 2")),
                ("reason", models.TextField(default="", help_text="what speaks against it")),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="planes",
                        to="catalogue.product",
                    ),
                ),
            ],
            options={
                "db_table": "science_plane",
                "indexes": [models.Index(fields=["t_mid"], name="science_plane_t_mid")],
                "constraints": [
                    models.UniqueConstraint(fields=("product", "number"), name="science_plane_once")
                ],
            },
        ),
    ]
