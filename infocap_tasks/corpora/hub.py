"""One file of a dataset repository on the Hugging Face hub: downloaded, cached, commit known."""

from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from infocap_tasks.errors import InfocapError


class HubFile(NamedTuple):
    """A downloaded file.

    Attributes:
        path: where it lies in the hub's local cache.
        commit: the commit that the revision stood for.
    """

    path: Path
    commit: str


def download(repository: str, file: str, revision: str) -> HubFile:
    """The file at that revision, from the cache if it is there; huggingface_hub does the work.

    It shows progress, resumes after a broken connection, retries when it is told to slow down,
    and uses HF_TOKEN, HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE.

    Raises:
        InfocapError: there is no such repository, revision or file, it is not ours to read, or
            the hub cannot be reached and the file is not in the cache.
    """
    name = f"{repository}/{file}"
    local = f"with a copy of the file, add --metadata corpus_path={Path(file).name}"
    try:
        path = Path(hf_hub_download(repository, file, repo_type="dataset", revision=revision))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise InfocapError(
            f"{name}: not in the local cache, and the hub cannot be reached "
            f"({_reason(error.__cause__ or error)}); {local}"
        ) from error
    except GatedRepoError as error:
        raise InfocapError(
            f"{name}: access must be granted on the hub first; ask for it there and set HF_TOKEN, "
            f"or {local}"
        ) from error
    except RepositoryNotFoundError as error:
        raise InfocapError(
            f"{name}: no such dataset repository, or it is private and HF_TOKEN does not open it; "
            f"check the name and the token, or {local}"
        ) from error
    except RevisionNotFoundError as error:
        raise InfocapError(
            f"{name}: no revision {revision!r}; give a branch, tag or commit with "
            "--metadata corpus_revision=REVISION"
        ) from error
    except EntryNotFoundError as error:
        raise InfocapError(_missing_file(repository, file, revision)) from error
    except Exception as error:  # whatever its HTTP client raises when a connection breaks
        raise InfocapError(
            f"{name}: the download failed ({_reason(error)}); run it again, or {local}"
        ) from error
    return HubFile(path, path.parts[-1 - len(Path(file).parts)])


def _missing_file(repository: str, file: str, revision: str) -> str:
    try:
        files = HfApi().list_repo_files(repository, repo_type="dataset", revision=revision)
        texts = [name for name in files if name.endswith(".jsonl")]
        has = f"its .jsonl files are {', '.join(texts)}" if texts else "it has no .jsonl file"
    except Exception as error:
        has = f"its files could not be listed ({_reason(error)})"
    return (
        f"{repository}: no file {file!r} at revision {revision!r}; {has}; "
        "name one with --metadata corpus_file=FILE"
    )


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
