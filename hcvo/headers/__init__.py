"""FITS headers to and from the model."""
