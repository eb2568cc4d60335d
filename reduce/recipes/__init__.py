"""Recipes: one file each; declared inputs, outputs and parameters over kernels."""
