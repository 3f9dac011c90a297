"""A model without its weights: its config, its tokenizer, and what the tokenizer makes of texts."""
