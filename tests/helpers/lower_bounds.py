"""Constraints for pip that hold each package of pyproject.toml at the lowest version it allows.

python tests/helpers/lower_bounds.py > constraints.txt && pip install -c constraints.txt ".[test]"
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def declared() -> dict[str, Any]:
    """All that pyproject.toml says."""
    return tomllib.loads(PYPROJECT.read_text("utf-8"))


def requirements() -> list[Requirement]:
    """What the package and its extras need of others."""
    project = declared()["project"]
    lists = (project["dependencies"], *project["optional-dependencies"].values())
    every = [Requirement(line) for lines in lists for line in lines]
    return [requirement for requirement in every if requirement.name != project["name"]]


def constraints() -> Iterator[str]:
    """One line a package: its lowest version, and where that is meant for some Pythons only."""
    for requirement in requirements():
        (lowest,) = (s.version for s in requirement.specifier if s.operator == ">=")
        marker = f"; {requirement.marker}" if requirement.marker else ""
        yield f"{requirement.name}=={lowest}{marker}"


if __name__ == "__main__":
    print(*sorted(set(constraints())), sep="\n")
