import math

import pytest

from infocap_tasks.results.published import published_runs
from infocap_tasks.results.run import gain_of_capacity


def test_published_runs_agree_with_the_definition():
    runs = published_runs()
    assert len(runs) == 39
    assert len({run.series for run in runs}) == 13
    for run in runs:
        ours = (run.compression_gain_bits_per_token - 24) / math.log2(run.flops_per_token)
        assert ours == pytest.approx(run.information_capacity, abs=2e-6)
        assert run.capacity_with(-24) == pytest.approx(ours, rel=1e-12)
        assert run.metric("information_capacity_unbiased") == pytest.approx(
            ours + 24 / math.log2(run.flops_per_token), rel=1e-12
        )
        assert gain_of_capacity(ours, run.flops_per_token, -24) == pytest.approx(
            run.compression_gain_bits_per_token, rel=1e-12
        )
    known = [run for run in runs if run.text_size_bits_per_token is not None]
    assert len(known) == 7 == sum("leaderboard table" in run.source for run in runs)
    assert all(run.metric("bits_per_byte") is None for run in runs if run not in known)
    assert all(run.provenance.model_id == run.model and run.is_published for run in runs)
