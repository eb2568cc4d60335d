"""Raw nights with real headers, realistic speckles and planted companions: the truth for tests."""
