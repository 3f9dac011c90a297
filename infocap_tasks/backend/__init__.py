"""The harness seam for models: our backends, and below them the scorer and its engines."""
