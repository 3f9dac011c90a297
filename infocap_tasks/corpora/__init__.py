"""Texts in: readers of files, the hub and the standard library, and what a corpus holds."""
