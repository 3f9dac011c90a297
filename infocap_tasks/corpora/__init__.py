"""Texts: readers of files, of the hub and of the standard library, and a check of a corpus."""
