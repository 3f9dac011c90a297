"""Which module may import which, and where private names of the harness may stand."""

import ast
import inspect
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import lm_eval
import pytest
from lm_eval.api.model import CachingLM
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "infocap_tasks"
SEAMS = ("task", "backend")

# What the seams use of the harness though its name is private: nothing public does the same.
PRIVATE = {
    "_aggregation_list": ConfigurableTask,
    "_rank": HFLM,
    "_world_size": HFLM,
    "_loglikelihood_tokens": HFLM,
    "_create_model": HFLM,
    "_detect_batch_size": HFLM,
}
PRIVATE_MODULES = {"lm_eval._cli"}


def test_imports_point_one_way():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_importing_the_package_is_light():
    code = "import sys, infocap_tasks; sys.exit(bool({'torch', 'lm_eval'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def assigned_in(tree):
    """Private names that code assigns to ``self``, or defines as a method or class attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def private_names_of(cls):
    """Private attributes and methods of a class of the harness and of its parents there."""
    names = set()
    for parent in cls.__mro__:
        if parent.__module__.startswith("lm_eval"):
            tree = ast.parse(textwrap.dedent(inspect.getsource(parent)))
            names |= {name for name in assigned_in(tree) if is_private(name)}
    return names


# All classes of the harness that ours extend or hold.
OF_THE_HARNESS = set().union(*map(private_names_of, (ConfigurableTask, HFLM, CachingLM)))


def private_modules_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            first, *parts = module.split(".")
            if first == "lm_eval" and any(map(is_private, parts)):
                private = next(n for n, part in enumerate(parts) if is_private(part))
                yield ".".join([first, *parts[: private + 1]])


def private_attributes_in(tree):
    """Names of the harness that are read, assigned or overridden, by the class that does it.

    Only what may be the harness's is looked at: attributes of ``self`` in a class that extends one
    of the harness, and attributes of any other object.
    """
    owners = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            owners |= dict.fromkeys(ast.walk(node), bool(bases & EXTENDING))
    for node in ast.walk(tree):
        extends = owners.get(node, False)
        if isinstance(node, ast.Attribute):
            is_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if extends or not is_self:
                yield node.attr
        elif isinstance(node, ast.FunctionDef) and extends:
            yield node.name


EXTENDING = {"_Task", "RollingTask", "InformationCapacityTask", "HFLM", "InfocapHF"}


def uses():
    """By name, the files that use a private name or module of the harness."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for name in {*private_attributes_in(tree)} & OF_THE_HARNESS:
            found[name].add(path.relative_to(PACKAGE))
        for name in private_modules_in(tree):
            found[name].add(path.relative_to(PACKAGE))
    return found


def test_private_names_of_the_harness_stay_in_the_seams():
    outside = {
        name: files
        for name, files in uses().items()
        if any(path.parts[0] not in SEAMS for path in files)
    }
    assert not outside


def test_every_private_name_in_use_is_listed_here():
    assert set(uses()) == PRIVATE.keys() | PRIVATE_MODULES


@pytest.mark.parametrize("name", PRIVATE)
def test_the_harness_still_has_the_private_name(name):
    cls = PRIVATE[name]
    assert name in private_names_of(cls), f"{cls.__name__} of lm_eval {VERSION} has no {name}"


VERSION = lm_eval.__version__


def test_the_harness_still_has_its_command_line():
    from lm_eval._cli import HarnessCLI

    for method in ("parse_args", "execute"):
        assert callable(getattr(HarnessCLI, method, None)), f"lm_eval {VERSION}: no {method}"


def test_the_search_finds_imports_overrides_and_attributes():
    tree = ast.parse(
        "import lm_eval._a.b\nfrom lm_eval.c import _d\nfrom lm_eval import tasks\n"
        "class Ours(HFLM):\n    def _model_call(self): return self._rank\n"
        "class Own:\n    def _head(self): return self._world_size, self.lm._detect_batch_size\n"
    )
    assert {*private_modules_in(tree)} == {"lm_eval._a", "lm_eval.c._d"}
    found = {*private_attributes_in(tree)} & OF_THE_HARNESS
    assert found == {"_model_call", "_rank", "_detect_batch_size"}


def test_the_scorer_loads_neither_the_harness_nor_torch():
    code = (
        "import sys, infocap_tasks.backend.scorer, infocap_tasks.backend.engine; "
        "print({'lm_eval', 'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
