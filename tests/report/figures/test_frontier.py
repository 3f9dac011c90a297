from hypothesis import given
from hypothesis import strategies as st

from infocap_tasks.report.figures.frontier import pareto_frontier

points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)))


@given(points)
def test_the_frontier_is_that_of_a_slow_search(items):
    found = pareto_frontier(items, lambda p: p[0], lambda p: p[1])
    slow = {p for p in items if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in items)}
    assert found == sorted(slow)
