"""The columns by which ``archive.is_public`` decides, on every row that can be private."""

from django.db import models

__all__ = ["GUARD_COLUMNS", "Guarded"]

GUARD_COLUMNS = ("workspace", "owner", "release_time", "validated", "withdrawn")
"""Columns copied from a row to the rows that depend on it."""


class Guarded(models.Model):
    """A row that can be private: public when released, validated, not withdrawn and in no workspace."""

    workspace = models.TextField(default="", help_text="workspace it belongs to; empty: the archive's own")
    owner = models.TextField(default="", help_text="account of the PI; empty: the archive")
    release_time = models.DateTimeField(null=True, help_text="public from then on; null: never")
    validated = models.BooleanField(default=True, help_text="quality control let it pass")
    withdrawn = models.BooleanField(default=False, help_text="taken back after publication")

    class Meta:
        abstract = True
