"""A model's forward pass on tensors without data: which matrices it multiplies, in which module."""
