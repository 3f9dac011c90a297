import sys

import pytest

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.style import (
    SUFFIXES,
    drawing,
    new_figure,
    readable_on,
    require_matplotlib,
    save,
)


@drawing()
def bar():
    figure = new_figure(2, 2)
    figure.add_subplot().bar(["a", "b"], [1, 2])
    return figure


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    written = []
    for name in ("first", "second"):
        save(bar(), tmp_path / f"{name}{suffix}")
        written.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert written[0] == written[1]
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[suffix]
    assert written[0].startswith(start)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_figure_that_cannot_be_written_leaves_no_file(tmp_path):
    figure = bar()
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InfocapError, match=r"a\.png: cannot be written"):
        save(figure, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    wrong = {"a.jpg": r"ends in none of \.png", "none/a.png": "a folder that exists"}
    for name, complaint in wrong.items():
        with pytest.raises(InfocapError, match=complaint):
            save(figure, tmp_path / name)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InfocapError, match=r'pip install "infocap-tasks\[report\]"'):
        require_matplotlib()
    with pytest.raises(InfocapError, match="matplotlib"), drawing():
        pass


def test_black_or_white_stands_out_from_the_background():
    colours = {(1, 1, 1): "black", (0, 0, 0): "white", (1, 0.8, 0): "black", (0.4, 0.1, 0): "white"}
    assert {colour: readable_on(colour) for colour in colours} == colours
