"""Every published column, declared once: views of the schema ``hci`` and DaCHS's columns come from it."""
