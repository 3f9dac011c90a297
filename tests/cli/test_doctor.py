import socket
from importlib.metadata import version

import pytest
from helpers.hub_server import serve

from infocap_tasks.cli.commands import doctor
from infocap_tasks.cli.installed import packages_of
from infocap_tasks.cli.main import main

ABSENT = "no-package-has-this-name"


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """Let infocap-tasks be installed as a distribution that needs these packages."""

    def install(*requirements):
        folder = tmp_path / "site" / "infocap_tasks-0.1.0.dist-info"
        folder.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", "Name: infocap-tasks", "Version: 0.1.0"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(folder.parent)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return install


def test_a_missing_extra_is_said_with_its_command_and_is_no_fault(declare, capsys):
    declare("numpy>=1.0", f'{ABSENT}>=1; extra == "eval"', 'infocap-tasks[eval]; extra == "demo"')
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"numpy {version('numpy')}\n" in text
    assert f"{ABSENT} MISSING" in text
    for extra in ("eval", "demo"):
        assert f'pip install --upgrade "infocap-tasks[{extra}]"' in text
    assert f"infocap-hf, hf: without {ABSENT}" in text


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("numpy>=99", f"numpy {version('numpy')} (needs >=99)"),
        (f"{ABSENT}>=1", f"{ABSENT} MISSING"),
        ('numpy>=99; extra == "report"', f"numpy {version('numpy')} (needs >=99)"),
    ],
)
def test_what_cannot_work_is_a_fault(declare, capsys, requirement, said):
    declare(requirement)
    assert main(["doctor"]) == 1
    assert said in capsys.readouterr().out


def test_an_extra_holds_what_those_that_it_includes_hold(declare):
    declare('numpy; extra == "eval"', 'infocap-tasks[eval]; extra == "demo"', 'x; extra == "demo"')
    assert {package.name for package in packages_of("demo")} == {"numpy", "x"}
    assert packages_of("") == []


def test_a_requirement_of_another_python_is_none_here(declare):
    declare(f"{ABSENT}; python_version < '3'")
    assert packages_of("") == []


def test_the_hub_is_reachable_or_not_or_not_asked():
    with serve() as hub:
        assert doctor._hub(hub.endpoint, is_offline=False) == "reachable"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert doctor._hub(nobody, is_offline=False).startswith("not reachable (")
    assert "HF_HUB_OFFLINE" in doctor._hub(nobody, is_offline=True)
    assert doctor._hub("no address", is_offline=False).startswith("not reachable (")


def test_a_cache_has_the_size_of_its_files_and_links_count_once(tmp_path):
    (tmp_path / "a").write_bytes(bytes(300_000_000 // 1000) * 1000)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert doctor._folder(tmp_path).startswith(f"  {tmp_path}: 0.3 GB, ")
    assert doctor._folder(tmp_path / "none" / "here").startswith(f"  {tmp_path}/none/here: 0.0 GB")
