"""What is predicted of one size of a series, and how far predictions were off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from infocap_tasks.analysis.intervals import Interval
from infocap_tasks.metrics import BITS_PER_BYTE


@dataclass(frozen=True)
class Prediction:
    """What a size of a series will reach; measured values are None for a size that is not run yet.

    Attributes:
        model: the size that is predicted.
        reference: the size that it is predicted from; None for a baseline.
        flops_per_token: N of the size that is predicted.
        predicted_gain_bits_per_token: G.
        predicted_nll_bits_per_token: H; None if no C is known.
        interval: of G, at 95 %; None without other sizes and without documents.
        interval_over: ``models``, other sizes of the series, or ``documents``, other texts alone.
        gain_bits_per_token: G as it was measured.
        nll_bits_per_token: H as it was measured.
    """

    model: str
    reference: str | None
    flops_per_token: float
    predicted_gain_bits_per_token: float
    predicted_nll_bits_per_token: float | None
    interval: Interval | None = None
    interval_over: str | None = None
    gain_bits_per_token: float | None = None
    nll_bits_per_token: float | None = None

    @property
    def text_size_bits_per_token(self) -> float | None:
        """C = G + H: of the size itself if it is known, else of the reference; else None."""
        if self.predicted_nll_bits_per_token is None:
            return None
        return self.predicted_gain_bits_per_token + self.predicted_nll_bits_per_token

    @property
    def nll_interval(self) -> Interval | None:
        """The 95 % interval of H: that of G mirrored, since H = C - G with a fixed C."""
        text_size = self.text_size_bits_per_token
        if self.interval is None or text_size is None:
            return None
        return Interval(text_size - self.interval.high, text_size - self.interval.low)

    @property
    def predicted_bits_per_byte(self) -> float | None:
        """8 H / C of the prediction; None if no C is known."""
        return self._per_byte(self.predicted_nll_bits_per_token)

    @property
    def bits_per_byte_interval(self) -> Interval | None:
        """The 95 % interval of the bits per byte: that of H, with a fixed C."""
        if self.nll_interval is None or self.text_size_bits_per_token is None:
            return None
        factor = BITS_PER_BYTE / self.text_size_bits_per_token
        return Interval(factor * self.nll_interval.low, factor * self.nll_interval.high)

    @property
    def bits_per_byte(self) -> float | None:
        """8 H / C as it was measured."""
        return self._per_byte(self.nll_bits_per_token)

    def _per_byte(self, nll_bits_per_token: float | None) -> float | None:
        if nll_bits_per_token is None or self.text_size_bits_per_token is None:
            return None
        return BITS_PER_BYTE * nll_bits_per_token / self.text_size_bits_per_token

    @property
    def gain_error(self) -> float | None:
        """(predicted - measured) / measured of G."""
        return _relative(self.predicted_gain_bits_per_token, self.gain_bits_per_token)

    @property
    def nll_error(self) -> float | None:
        """(predicted - measured) / measured of H."""
        return _relative(self.predicted_nll_bits_per_token, self.nll_bits_per_token)


class Errors(NamedTuple):
    """Absolute relative errors of a method, over the predictions made with it."""

    method: str
    num_predictions: int
    num_nll_predictions: int
    mean_gain_error: float | None
    largest_gain_error: float | None
    mean_nll_error: float | None
    largest_nll_error: float | None


def errors_of(method: str, predictions: Sequence[Prediction]) -> Errors:
    """Mean and largest absolute relative error of these predictions."""
    gain = [abs(p.gain_error) for p in predictions if p.gain_error is not None]
    nll = [abs(p.nll_error) for p in predictions if p.nll_error is not None]
    return Errors(
        method,
        len(predictions),
        len(nll),
        float(np.mean(gain)) if gain else None,
        max(gain, default=None),
        float(np.mean(nll)) if nll else None,
        max(nll, default=None),
    )


def _relative(predicted: float | None, measured: float | None) -> float | None:
    """(predicted - measured) / measured; None if either is not known."""
    if predicted is None or measured is None:
        return None
    return (predicted - measured) / measured
