"""The one exception for wrong input, and foreign errors in one line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class InfocapError(ValueError):
    """What a user gave cannot be used; the message says what was given, is allowed and to do.

    The message is one line. The ``infocap`` command prints it without a traceback; where nothing
    catches it, as in plain ``lm_eval``, it is the last line of one.
    """

    # Named in tracebacks as users import it.
    __module__ = "infocap_tasks"


class FaultyFiles(InfocapError):
    """Files are at fault and not what was typed: none was left to read, or one was not written.

    Each of them was named. Exit status 1.
    """


class MissingPackage(InfocapError, ImportError):
    """A package is not installed that an extra of ours brings; the message has the command.

    An ``ImportError`` too, so that ``try: from infocap_tasks import score`` is caught as usual.
    """


def one_line(error: Exception) -> str:
    """What another library's error says, on one line and at most 300 characters of it."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def did_you_mean(given: str, known: Iterable[str], limit: int = 3, cutoff: float = 0.6) -> str:
    """``"did you mean A, B? "`` with the known names nearest to what was given, or nothing.

    Args:
        given: A name that is not known.
        known: Those that are; upper and lower case count as the same.
        limit: The most names to show.
        cutoff: How alike they must be, from 0 to 1.
    """
    names = {name.casefold(): name for name in known}
    nearest = get_close_matches(given.casefold(), names, limit, cutoff)
    return f"did you mean {', '.join(names[name] for name in nearest)}? " if nearest else ""


# What brings the packages whose lack nothing looks for before it imports them.
EXTRAS = {
    "accelerate": "eval",
    "huggingface_hub": "eval",
    "lm_eval": "eval",
    "pyarrow": "export",
    "tokenizers": "eval",
    "torch": "eval",
    "transformers": "eval",
}


@contextmanager
def naming_extras(purpose: str) -> Iterator[None]:
    """Let a package that is not found inside be named with the extra of ours that brings it.

    Raises:
        MissingPackage: there is such an extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise missing_package(error.name, EXTRAS[error.name], purpose) from error


def missing_package(package: str, extra: str, purpose: str) -> MissingPackage:
    """The error to raise where ``purpose`` needs a package that an extra of ours brings.

    Args:
        package: Name of the package that is not installed, such as ``"matplotlib"``.
        extra: Extra of infocap-tasks that installs it, such as ``"report"``.
        purpose: What needs it, as the subject of the sentence, such as ``"The page"``.
    """
    return MissingPackage(
        f"{purpose} needs the package {package.replace('_', '-')}, which is not installed; "
        f'run `pip install "infocap-tasks[{extra}]"`'
    )
