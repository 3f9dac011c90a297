"""Log-likelihoods of tokens from hidden states, without the logits of a whole vocabulary.

The logits of some rows and a block of the vocabulary are made, used and dropped; a running maximum
and a running sum of exponentials, both in float32, give the log-sum-exp over all blocks. The logit
of the token that stands in the text is one dot product. What is kept for a row are a few numbers,
so the memory does not grow with the vocabulary.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import nn

# Fastest of the shapes tried on CPU (benchmarks/scoring.py), and 24 MB of logits at a time.
_ROWS = 1024
_BLOCK = 4096


@dataclass(frozen=True)
class Head:
    """The last projection of a language model and what its model does to the logits.

    Attributes:
        weight: (vocabulary, width).
        bias: (vocabulary,), or None.
        scale: factor of all logits (Cohere, Granite).
        soft_cap: c where logits become c tanh(logits / c) (Gemma-2), or None.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    scale: float = 1.0
    soft_cap: float | None = None

    @classmethod
    def of(cls, model: Any) -> "Head | None":
        """The head as the model and its config declare it; None where it is no such projection."""
        module = model.get_output_embeddings()
        if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
            return None
        config = model.config.get_text_config()
        scale = getattr(config, "logit_scale", None) or 1.0
        divisor = getattr(config, "logits_scaling", None) or 1.0
        cap = getattr(config, "final_logit_softcapping", None)
        return cls(module.weight, module.bias, scale / divisor, cap)

    def first(self, vocabulary_size: int | None) -> "Head":
        """The head of the first ``vocabulary_size`` rows; all of them for None."""
        bias = None if self.bias is None else self.bias[:vocabulary_size]
        return replace(self, weight=self.weight[:vocabulary_size], bias=bias)

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits in float32 as the model returns them."""
        logits = logits.float()
        if self.scale != 1.0:
            logits = logits * self.scale
        if self.soft_cap is not None:
            logits = torch.tanh(logits / self.soft_cap) * self.soft_cap
        return logits

    def logits(self, hidden: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """Logits (rows, last - first) of a block of the vocabulary, float32."""
        bias = None if self.bias is None else self.bias[first:last]
        return self.finish(nn.functional.linear(hidden, self.weight[first:last], bias))

    def logits_of(self, hidden: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The logit (rows,) of one token for each row, float32."""
        logits = torch.einsum("rd,rd->r", hidden.float(), self.weight[tokens].float())
        return self.finish(logits if self.bias is None else logits + self.bias[tokens])


class TokenScores(NamedTuple):
    """For each row: log-likelihood of its token in nats, float64; and whether it is the likeliest.

    ``is_greedy`` is None where it was not asked for.
    """

    loglikelihood_nats: torch.Tensor
    is_greedy: torch.Tensor | None


@torch.no_grad()
def score_blockwise(
    hidden: torch.Tensor,
    tokens: torch.Tensor,
    head: Head,
    want_greedy: bool = False,
    as_model_rounds: bool = False,
) -> TokenScores:
    """Scores of ``tokens`` (rows,) given ``hidden`` (rows, width), what enters the head.

    Args:
        hidden: hidden states in the head's dtype.
        tokens: the token to score for each row.
        head: the model's head.
        want_greedy: find the likeliest token too, at some cost.
        as_model_rounds: take the token's own logit too in the head's dtype, in place of float32.
    """
    parts = [
        _score_rows(
            hidden[first : first + _ROWS],
            tokens[first : first + _ROWS],
            head,
            want_greedy,
            as_model_rounds,
        )
        for first in range(0, len(tokens), _ROWS)
    ]
    greedy = [part.is_greedy for part in parts if part.is_greedy is not None]
    return TokenScores(
        torch.cat([part.loglikelihood_nats for part in parts]),
        torch.cat(greedy) if greedy else None,
    )


def _score_rows(
    hidden: torch.Tensor,
    tokens: torch.Tensor,
    head: Head,
    want_greedy: bool,
    as_model_rounds: bool,
) -> TokenScores:
    maximum = torch.full((len(tokens),), -torch.inf, device=hidden.device)
    total = torch.zeros_like(maximum)
    likeliest = torch.zeros_like(tokens)
    of_token = head.logits_of(hidden, tokens)
    for first in range(0, len(head.weight), _BLOCK):
        logits = head.logits(hidden, first, first + _BLOCK)
        # The token's own logit in the same precision in the numerator and the denominator, or its
        # probability could exceed 1.
        (here,) = torch.nonzero((tokens >= first) & (tokens < first + _BLOCK), as_tuple=True)
        if as_model_rounds:
            of_token[here] = logits[here, tokens[here] - first]
        else:
            logits[here, tokens[here] - first] = of_token[here]
        if want_greedy:
            highest, index = logits.max(dim=1)
            likeliest = torch.where(highest > maximum, index + first, likeliest)
        else:
            highest = logits.amax(dim=1)
        raised = torch.maximum(maximum, highest)
        total = total * torch.exp(maximum - raised)
        total += logits.sub_(raised[:, None]).exp_().sum(dim=1)
        maximum = raised
    normaliser = maximum.double() + total.double().log()
    loglikelihood = of_token.double() - normaliser
    return TokenScores(loglikelihood, likeliest == tokens if want_greedy else None)


@torch.no_grad()
def score_logits(logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor) -> TokenScores:
    """Scores of ``tokens`` from a model's own ``logits`` (any, vocabulary) at ``rows`` of them."""
    parts = []
    for first in range(0, len(tokens), _ROWS):  # float32 copies of a few rows at a time
        chunk = logits[rows[first : first + _ROWS]].float()
        chosen = tokens[first : first + _ROWS].to(chunk.device)
        of_token = chunk.gather(1, chosen[:, None])[:, 0]
        loglikelihood = of_token.double() - chunk.logsumexp(dim=1).double()
        parts.append(TokenScores(loglikelihood, chunk.argmax(dim=1) == chosen))
    return TokenScores(
        torch.cat([part.loglikelihood_nats for part in parts]),
        torch.cat([part.is_greedy for part in parts if part.is_greedy is not None]),
    )
