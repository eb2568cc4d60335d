"""Every published column, declared once."""
