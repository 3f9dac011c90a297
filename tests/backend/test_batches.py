from hypothesis import given
from hypothesis import strategies as st

from infocap_tasks.backend.batches import make_batches
from infocap_tasks.backend.windows import Window

ids = st.lists(st.integers(0, 5), min_size=1, max_size=12).map(tuple)
windows = st.lists(st.builds(Window, ids, ids), max_size=60)


@given(windows, st.integers(1, 80))
def test_each_window_once_longest_first_within_the_budget(windows, budget):
    batches = make_batches(windows, budget)
    flat = [window for batch in batches for window in batch]
    assert len(flat) == len(set(flat))
    assert set(flat) == set(windows)
    lengths = [len(window.inputs) for window in flat]
    assert lengths == sorted(lengths, reverse=True)
    for batch in batches:
        rows = {window.inputs for window in batch}
        assert len(rows) == 1 or len(rows) * len(batch[0].inputs) <= budget


@given(windows, st.integers(1, 80), st.randoms())
def test_batches_do_not_depend_on_the_order_of_requests(windows, budget, random):
    shuffled = list(windows)
    random.shuffle(shuffled)
    assert make_batches(windows, budget) == make_batches(shuffled, budget)
