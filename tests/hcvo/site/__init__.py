"""Tests of hcvo.site."""
