import sqlite3
import subprocess
import sys

import pytest

from infocap_tasks.backend.answers import Answer, AnswerStore, request_key
from infocap_tasks.errors import InfocapError

KEYS = [request_key("rolling", (0,), (n,)) for n in range(100)]


def filled(folder, fingerprint="abc", process=0, numbers=range(100)):
    store = AnswerStore(str(folder), fingerprint, process)
    store.add({KEYS[n]: Answer(-n / 3, n % 2 == 0) for n in numbers})
    return store


def test_stored_answers_are_read_back_bit_for_bit(tmp_path):
    filled(tmp_path)
    store = AnswerStore(str(tmp_path), "abc", 0)
    assert [store.get(KEYS[n]) for n in range(100)] == [
        Answer(-n / 3, n % 2 == 0) for n in range(100)
    ]
    assert store.get(request_key("loglikelihood", (0,), (1,))) is None


def test_models_and_processes_write_their_own_files(tmp_path):
    filled(tmp_path, "abc", 0, range(50))
    filled(tmp_path, "abc", 1, range(50, 100))
    assert len(AnswerStore(str(tmp_path), "abc", 1)) == 100  # all of this model's are read
    assert len(AnswerStore(str(tmp_path), "abc", 7)) == 100
    assert len(AnswerStore(str(tmp_path), "xyz", 0)) == 0


def damage_header(data):
    return b"no database" + data[11:]


def damage_middle(data):
    return data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :]


def damage_one_answer(data):
    # The last byte of a stored answer, which no check of SQLite's own covers.
    position = data.index(KEYS[37]) + 32 + 16
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def cut_short(data):
    return data[: len(data) * 2 // 3]


@pytest.mark.parametrize("damage", [damage_header, damage_middle, damage_one_answer, cut_short])
def test_damaged_file_is_set_aside_and_never_trusted(tmp_path, caplog, damage):
    filled(tmp_path)
    (path,) = tmp_path.glob("*.sqlite")
    path.write_bytes(damage(path.read_bytes()))
    store = AnswerStore(str(tmp_path), "abc", 0)
    assert len(store) == 0
    assert "is damaged" in caplog.text
    assert path.with_name(f"{path.name}.damaged").exists()
    store.add({KEYS[0]: Answer(-1.0, True)})
    assert len(AnswerStore(str(tmp_path), "abc", 0)) == 1


def test_batches_are_stored_whole_or_not_at_all(tmp_path):
    """A writer process is killed three times, in the middle of its transactions."""
    code = (
        "import sys; from infocap_tasks.backend.answers import *\n"
        f"store = AnswerStore({str(tmp_path)!r}, 'abc', 0)\n"
        "print('go', flush=True)\n"
        "for batch in range(100000):\n"
        "    keys = [request_key('k', (batch,), (n,)) for n in range(500)]\n"
        "    store.add({key: Answer(-1.0, True) for key in keys})\n"
        "    print(batch, flush=True)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        said = [writer.stdout.readline() for _ in range(8)]
        writer.kill()
        writer.wait()
        kept = len(AnswerStore(str(tmp_path), "abc", 0))
        assert kept % 500 == 0
        assert kept >= 500 * (int(said[-1]) + 1)
    assert not list(tmp_path.glob("*.damaged"))


def test_full_disk_raises_and_keeps_earlier_answers(tmp_path):
    store = filled(tmp_path, numbers=range(10))
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "disk is full"

    def fill():
        for batch in range(100):
            store.add({request_key("k", (batch,), (n,)): Answer(-1.0, True) for n in range(100)})

    with pytest.raises(InfocapError, match=r"--cache .* full; the answers before this batch"):
        fill()
    assert len(AnswerStore(str(tmp_path), "abc", 0)) >= 10


def test_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InfocapError, match=r"--cache .*file"):
        AnswerStore(str(tmp_path / "file"), "abc", 0)


def test_file_format_is_sqlite(tmp_path):
    filled(tmp_path, numbers=range(3))
    (path,) = tmp_path.glob("abc-0.sqlite")
    assert sqlite3.connect(path).execute("SELECT count(*) FROM answers").fetchone() == (3,)
