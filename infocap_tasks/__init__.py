"""Information capacity of language models, as tasks for lm-evaluation-harness.

Importing this package loads neither torch nor transformers nor the harness.
"""

__version__ = "0.1.0"
