"""Tests mirror the packages; flow/ runs the whole line."""
