"""The releases of the harness that the seams are written for; others are refused in one line."""

from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import SpecifierSet

from infocap_tasks.errors import InfocapError

SUPPORTED = ">=0.4.13,<0.5"


def refuse_other_versions() -> None:
    """Refuse a release whose names differ from those that the seams use.

    Raises:
        InfocapError: such a release is installed.
    """
    try:
        found = version("lm-eval")
    except PackageNotFoundError:  # said by what needs it
        return
    if not SpecifierSet(SUPPORTED).contains(found, prereleases=True):
        raise InfocapError(
            f"lm-eval {found} is installed, and this release of infocap-tasks works with "
            f'{SUPPORTED}; run `pip install "lm-eval{SUPPORTED}"`'
        )
