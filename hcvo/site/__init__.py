"""Sets up, starts and stops the servers of a site; knows every part, imported by none."""
