"""A model without its weights: its config, its tokenizer, and measures of tokenizers."""
