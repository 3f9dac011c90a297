import pytest

from infocap_tasks.errors import InfocapError
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
