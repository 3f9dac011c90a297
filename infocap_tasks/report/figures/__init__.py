"""Figures, drawn with matplotlib; importing this package does not import it."""
