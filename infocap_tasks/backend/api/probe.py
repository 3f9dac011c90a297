"""Whether a server scores the very tokens that it is sent: one text, asked before all others."""

from typing import Any

from infocap_tasks.backend.api.engine import ApiEngine
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

# Whole characters of one byte each, so that each token has a text of its own.
_TEXT = "The quick brown fox jumps over 13 lazy dogs, then it sleeps for 20 minutes."


def refuse_other_tokenizer(engine: ApiEngine, tokenizer: Any, prefix_token_id: int) -> None:
    """Score one text, and compare the texts of the tokens with what this tokenizer calls them.

    Raises:
        InfocapError: the server gives no log-probabilities of these ids, or has other tokens.
    """
    ids = tokenizer(_TEXT, add_special_tokens=False)["input_ids"]
    window = Window((prefix_token_id,), tuple(ids))
    ((_, (tokens,)),) = engine.tokens([[window]], want_greedy=False)
    for token_id, token in zip(ids, tokens, strict=True):
        ours = tokenizer.decode([token_id])
        if token.text is None and engine.server.dialect.name == "echo":  # it repeats no ids either
            raise InfocapError(
                f"base_url={engine.server.url}: does not say which tokens it scored; take another "
                "server"
            )
        if token.text is not None and not _same(token.text, ours, token_id):
            raise InfocapError(
                f"tokenizer {tokenizer.name_or_path}: to {engine.server.url} token {token_id} is "
                f"{token.text!r}, to this tokenizer {ours!r}; give the tokenizer of the served "
                "model with tokenizer=DIR_OR_HUB_ID in --model_args"
            )


def _same(served: str, ours: str, token_id: int) -> bool:
    """Whether both write one token; some servers write the mark of a word's start, or no blank."""
    if served.startswith("token_id:"):
        return served == f"token_id:{token_id}"
    return served.replace("Ġ", " ").replace("▁", " ").strip() == ours.strip()
