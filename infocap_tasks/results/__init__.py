"""Results files of the harness in, typed runs out; with the published numbers."""
