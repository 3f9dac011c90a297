"""A config in, FLOPs to decode one token out."""
