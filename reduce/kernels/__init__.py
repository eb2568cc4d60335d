"""Arrays in, arrays out: numpy, scipy, numba; no files, no settings, nothing else of ours."""
