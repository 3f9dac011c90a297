import pytest

from infocap_tasks.report.quantities import si


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, "1.00"),
        (999.4, "999"),
        (999.6, "1.00 k"),
        (1.0745e9, "1.07 G"),
        (304383744, "304 M"),
        (1.4347e11, "143 G"),
        (0, "0"),
        (0.0123, "0.0123"),
        (2e22, "2e+22"),
    ],
)
def test_three_digits_and_a_prefix(value, shown):
    assert si(value) == shown
