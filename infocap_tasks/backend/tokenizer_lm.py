"""What backends share that bring no tokenizer of the harness with them."""

from typing import Any

from lm_eval.models.utils import has_bos_prefix

from infocap_tasks.backend.token_lm import TokenLM


class TokenizerLM(TokenLM):
    """A backend that encodes with a tokenizer of transformers, as the harness's own ones do.

    Args:
        tokenizer: encodes texts.
        add_bos_token: whether standard tasks begin with BOS; None: as the tokenizer does.
        prefix_token_id: the token that the first one of a text is predicted from; None: BOS, EOS.
    """

    def __init__(
        self, tokenizer: Any, add_bos_token: bool | None, prefix_token_id: int | None
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.add_bos_token = add_bos_token
        self._prefix_token_id = prefix_token_id

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """The token that the first one of a text is predicted from: given, else BOS, else EOS."""
        ids = (self._prefix_token_id, self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        return next(int(token) for token in ids if token is not None)

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """Token ids of a string of a standard task, as the harness's own backends encode it."""
        wanted = self.add_bos_token if add_special_tokens is None else add_special_tokens
        if add_special_tokens is None and has_bos_prefix(string, self.tokenizer.bos_token):
            wanted = False
        special = {} if wanted is None else {"add_special_tokens": wanted}
        ids: list[int] = self.tokenizer(string, **special)["input_ids"]
        return ids
