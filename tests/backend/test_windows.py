import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from infocap_tasks.backend.windows import Window, fitting_window, rolling_windows
from infocap_tasks.errors import InfocapError

PREFIX = -1


@given(num_tokens=st.integers(0, 60), max_length=st.integers(1, 25))
def test_rolling_windows_equal_the_harness(num_tokens, max_length):
    ids = list(range(num_tokens))
    theirs = get_rolling_token_windows(ids, PREFIX, max_seq_len=max_length, context_len=1)
    ours = [
        (list(w.context), list(w.continuation)) for w in rolling_windows(ids, PREFIX, max_length)
    ]
    assert ours == [make_disjoint_window(window) for window in theirs]


@given(
    context=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    continuation=st.lists(st.integers(0, 9), min_size=1, max_size=10),
)
def test_fitting_window_keeps_the_end_of_the_context(context, continuation):
    window = fitting_window(context, continuation, max_length=10)
    assert window.continuation == tuple(continuation)
    assert len(window.inputs) == min(10, len(context) + len(continuation) - 1)
    assert tuple(context[-len(window.context) :]) == window.context


@pytest.mark.parametrize(("context", "continuation"), [([], [1]), ([1], []), ([1], [2] * 11)])
def test_fitting_window_refuses_requests_that_do_not_fit(context, continuation):
    with pytest.raises(InfocapError, match=r"at most 10 \(max_length\)"):
        fitting_window(context, continuation, max_length=10)


def test_inputs_leave_out_the_last_token():
    assert Window((1, 2), (3, 4)).inputs == (1, 2, 3)
