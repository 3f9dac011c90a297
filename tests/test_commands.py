from importlib import import_module
from pathlib import Path

import pytest

from infocap_tasks import commands
from infocap_tasks.cli import main

MODULES = sorted(
    {path.stem for path in Path(commands.__file__).parent.glob("[!_]*.py")} - {"shared"}
)


def test_the_help_names_every_report(capsys):
    main([])
    text = capsys.readouterr().out
    assert all(f"    {name}" in text for name in MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_report_has_a_help_of_its_own(name, capsys):
    with pytest.raises(SystemExit) as done:
        main([name, "--help"])
    assert done.value.code == 0
    assert import_module(f"infocap_tasks.commands.{name}")._DESCRIPTION[:40] in (
        capsys.readouterr().out
    )
