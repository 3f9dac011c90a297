"""Which packages are here, of those that the core and the extras of infocap-tasks need."""

from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

from infocap_tasks.errors import FaultyFiles

_DISTRIBUTION = "infocap-tasks"
CORE = ""


class Package(NamedTuple):
    """A package that is needed.

    Attributes:
        name: as pip knows it.
        needed: the versions that do, such as ``>=2.0``.
        version: the one that is here; None if it is missing.
    """

    name: str
    needed: str
    version: str | None

    @property
    def is_unfit(self) -> bool:
        """Whether a version is here that does not do."""
        if self.version is None:
            return False
        return not Requirement(f"{self.name}{self.needed}").specifier.contains(
            self.version, prereleases=True
        )

    def __str__(self) -> str:
        """Name, version and what is wrong with it."""
        wrong = f" (needs {self.needed})" if self.is_unfit else ""
        return f"{self.name} {self.version or 'MISSING'}{wrong}"


def version_of(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def packages_of(extra: str) -> list[Package]:
    """What an extra needs beside the core, or what the core needs.

    Raises:
        FaultyFiles: infocap-tasks runs from its source and is not installed.
    """
    found = {
        requirement.name: Package(
            requirement.name, str(requirement.specifier), version_of(requirement.name)
        )
        for requirement in _requirements(extra)
    }
    return list(found.values())


def _requirements(extra: str) -> Iterator[Requirement]:
    """With those of the extras that it includes."""
    try:
        declared = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError as error:
        raise FaultyFiles(
            f"{_DISTRIBUTION} runs from its source and is not installed, so what it needs is not "
            "known; run `pip install -e .` in its folder"
        ) from error
    for requirement in map(Requirement, declared):
        marker = requirement.marker
        is_core = marker is None or marker.evaluate({"extra": CORE})
        if is_core != (extra == CORE) or (marker and not marker.evaluate({"extra": extra})):
            continue
        if requirement.name == _DISTRIBUTION:
            for included in requirement.extras:
                yield from _requirements(included)
        else:
            yield requirement
