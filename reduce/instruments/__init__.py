"""Instruments as data: keywords, classes, match tables, constants with their sources."""
