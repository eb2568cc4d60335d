"""Django app that owns the schema `archive`."""
