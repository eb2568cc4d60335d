"""Bringing files into the catalogue."""
