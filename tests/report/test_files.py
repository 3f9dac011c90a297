import os
from pathlib import Path

import pytest
from helpers.limits import files_of_at_most

from infocap_tasks.cli.output import write_text
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.export import write_parquet
from infocap_tasks.report.figures.style import is_figure, new_figure, save
from infocap_tasks.report.files import whole_file


def test_a_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["folder", "none/a.txt"])
def test_a_path_that_cannot_be_written_is_named_and_left_alone(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InfocapError, match="cannot be written"), whole_file(tmp_path / name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_link_stays_one_and_its_file_keeps_its_permissions(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to("real/a.txt")
    with whole_file(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_link_to_a_file_that_is_not_there_makes_it(tmp_path):
    (tmp_path / "link.txt").symlink_to("new.txt")
    with whole_file(tmp_path / "link.txt") as unfinished:
        unfinished.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "new.txt").read_text() == "new"


def test_what_is_no_plain_file_is_refused_and_left_alone(tmp_path):
    pipe, device, loop = tmp_path / "pipe.csv", tmp_path / "null.csv", tmp_path / "loop.csv"
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    loop.symlink_to("loop.csv")
    for path in (pipe, device, loop):
        with pytest.raises(InfocapError, match="cannot be written"), whole_file(path):
            pass
    assert pipe.is_fifo()
    assert Path("/dev/null").is_char_device()
    assert loop.is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "a.parquet", "a.csv"])
def test_a_full_disk_is_one_line_in_every_format(tmp_path, name):
    path = tmp_path / name

    def write():
        if is_figure(path):
            save(new_figure(6, 4), path)
        elif path.suffix == ".parquet":
            write_parquet([{"model": "x" * 10_000}], path)
        else:
            write_text(path, "x" * 10_000)

    with files_of_at_most(100), pytest.raises(InfocapError, match=r"\(.*File too large.*\)"):
        write()
    assert not list(tmp_path.iterdir())
