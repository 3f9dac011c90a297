"""Quantiles of Student's t, for intervals from few residuals."""

from infocap_tasks.errors import InfocapError


def margin_factor(degrees_of_freedom: int, level: float = 0.95) -> float:
    """How many standard errors an interval reaches to either side at this level.

    It is the exact limit of a parametric bootstrap of the studentised estimate with normal
    residuals. Resampling the residuals themselves is not honest here: of two to five models there
    are too few of them, and their percentiles cover far less than the level.
    """
    try:
        from scipy.special import stdtrit
    except ImportError as error:
        raise InfocapError(
            'intervals over models need scipy, which is not installed; pip install "infocap-tasks'
            '[report]"'
        ) from error
    return float(stdtrit(degrees_of_freedom, (1 + level) / 2))
