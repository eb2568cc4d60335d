"""The processing centre: drives the engine from the catalogue and loads what it makes."""
