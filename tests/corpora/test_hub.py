"""The real huggingface_hub client, in processes of its own, against a server on the loopback."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.hub_server import serve

REPOSITORY = "TeleAI-AI-Flow/InformationCapacity"
FILE = "datasets/mixed_text.jsonl"
TEXTS = "".join(json.dumps({"text": f"text number {n} " * 40}) + "\n" for n in range(500)).encode()
PROGRAM = """
import sys
from pathlib import Path
from infocap_tasks import InfocapError
from infocap_tasks.corpora.hub import download
try:
    print(*download(*sys.argv[1:]), sep="\\n")
except InfocapError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def hub():
    with serve() as hub:
        yield hub


@pytest.fixture
def fetch(hub, tmp_path):
    """Download in a new process, where HF_ENDPOINT is read; (path, commit), or what it said."""

    def run(file=FILE, revision="main", repository=REPOSITORY, **environment):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, repository, file, revision],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HF_ENDPOINT": hub.endpoint,
                "HF_HUB_ETAG_TIMEOUT": "5",
                **environment,
            },
        )
        if done.returncode:
            assert "Traceback" not in done.stderr
            return done.stderr.splitlines()[-1]
        return done.stdout.splitlines()

    return run


def content(path):
    return Path(path).read_bytes()


def test_a_file_is_downloaded_once_and_its_commit_known(hub, fetch):
    commit = hub.commit(REPOSITORY, {FILE: TEXTS})
    path, resolved = fetch()
    assert content(path) == TEXTS
    assert resolved == commit
    assert fetch() == [path, commit]
    assert len(hub.downloads()) == 1


def test_a_revision_stays_what_it_was_when_the_file_changes(hub, fetch):
    old = hub.commit(REPOSITORY, {FILE: TEXTS})
    first, _ = fetch()
    new = hub.commit(REPOSITORY, {FILE: TEXTS[::-1]})
    second, resolved = fetch()
    assert resolved == new
    assert content(second) == TEXTS[::-1]
    assert fetch(revision=old) == [first, old]
    assert content(first) == TEXTS
    assert len(hub.downloads()) == 2
    assert "corpus_revision=REVISION" in fetch(revision="v9")


def test_a_broken_connection_is_resumed_where_it_broke(hub, fetch):
    large = TEXTS * (24_000_000 // len(TEXTS))  # the client keeps pieces of 10 MiB
    hub.commit(REPOSITORY, {FILE: large})
    hub.breaks = [22_000_000]
    path, _ = fetch()
    assert content(path) == large
    assert hub.downloads() == [None, f"bytes={2 * 10 * 2**20}-"]


def test_a_truncated_download_is_refused_and_not_cached(hub, fetch):
    hub.commit(REPOSITORY, {FILE: TEXTS})
    hub.lies_about_size = True
    complaint = fetch()
    assert "the download failed" in complaint
    assert "corpus_path=mixed_text.jsonl" in complaint
    hub.lies_about_size = False
    assert content(fetch()[0]) == TEXTS  # nothing of the short body was kept


def test_a_connection_that_breaks_again_and_again_ends_in_one_line(hub, fetch):
    hub.commit(REPOSITORY, {FILE: TEXTS})
    hub.breaks = [1000] * 9
    complaint = fetch()
    assert "the download failed (RemoteProtocolError" in complaint
    assert "run it again" in complaint


def test_too_many_requests_are_tried_again(hub, fetch):
    hub.commit(REPOSITORY, {FILE: TEXTS})
    hub.statuses = [429, 429]
    assert content(fetch()[0]) == TEXTS


def test_a_missing_file_lists_those_that_are_there(hub, fetch):
    hub.commit(REPOSITORY, {FILE: TEXTS, "datasets/Other.jsonl": TEXTS, "README.md": b"text"})
    complaint = fetch(file="datasets/NextCoder.jsonl")
    assert "no file 'datasets/NextCoder.jsonl' at revision 'main'" in complaint
    assert f"{FILE}, datasets/Other.jsonl;" in complaint
    assert "README" not in complaint
    assert "--metadata corpus_file=FILE" in complaint


def test_a_missing_repository(hub, fetch):
    complaint = fetch(repository="nobody/nothing")
    assert "no such dataset repository" in complaint
    assert "HF_TOKEN" in complaint


def test_a_private_repository_needs_the_token(hub, fetch):
    hub.commit(REPOSITORY, {FILE: TEXTS})
    hub.token = "hf_secret"
    assert "HF_TOKEN does not open it" in fetch()
    assert "HF_TOKEN does not open it" in fetch(HF_TOKEN="hf_wrong")
    assert content(fetch(HF_TOKEN="hf_secret")[0]) == TEXTS


def test_a_cached_file_is_read_without_a_network(hub, fetch):
    commit = hub.commit(REPOSITORY, {FILE: TEXTS})
    path, _ = fetch()
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    assert fetch(**nowhere) == [path, commit]
    assert fetch(HF_HUB_OFFLINE="1") == [path, commit]
    for environment in (nowhere, {"HF_HUB_OFFLINE": "1"}):
        complaint = fetch(file="datasets/other.jsonl", **environment)
        assert "not in the local cache" in complaint
        assert "--metadata corpus_path=other.jsonl" in complaint


def test_a_task_records_commit_and_digest(hub, tiny_model, tmp_path):
    """The whole way, by `infocap eval`: download, score, provenance; another file and revision."""
    commit = hub.commit(REPOSITORY, {FILE: TEXTS, "datasets/other.jsonl": TEXTS[:700]})
    hub.commit(REPOSITORY, {"README.md": b"the file is gone"})
    command = [
        sys.executable, "-m", "infocap_tasks", "eval", "--model_args",
        f"pretrained={tiny_model},dtype=float32",
        "--tasks", "infocap_mixed,infocap_mixed_reference", "--limit", "2",
        "--output_path", "out", "--metadata", "max_tokens=64",
    ]  # fmt: skip
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf")}

    def run(*more):
        return subprocess.run(
            [*command, *more], capture_output=True, text=True, cwd=tmp_path, env=environment
        )

    done = run()
    assert done.returncode == 2
    assert "it has no .jsonl file; name one with --metadata corpus_file=FILE" in done.stderr
    done = run(f"corpus_revision={commit}", "corpus_file=datasets/mixed_text.jsonl")
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("out/**/results_*.json")
    configs = json.loads(path.read_text())["configs"]
    for name in ("infocap_mixed", "infocap_mixed_reference"):
        infocap = configs[name]["metadata"]["infocap"]
        assert infocap["bias_bits_per_token"] == -24
        corpus = infocap["corpus"]
        assert (corpus["repository"], corpus["commit"]) == (REPOSITORY, commit)
        assert corpus["sha256"] == hashlib.sha256(TEXTS).hexdigest()
        assert (corpus["num_documents"], corpus["num_documents_scored"]) == (500, 2)
