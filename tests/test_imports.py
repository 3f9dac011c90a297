import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_imports_point_one_way():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_importing_the_package_is_light():
    code = "import sys, infocap_tasks; sys.exit(bool({'torch', 'lm_eval'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_private_names_of_the_harness_stay_in_one_module():
    users = {
        path.name
        for path in (ROOT / "infocap_tasks").rglob("*.py")
        if "lm_eval._" in path.read_text()
    }
    assert users == {"evaluate.py"}
