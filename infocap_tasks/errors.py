"""The one exception for wrong input, and foreign errors in one line."""


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


def one_line(error: Exception) -> str:
    """What another library's error says, on one line and at most 300 characters of it."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def missing_package(package: str, extra: str, purpose: str) -> InfocapError:
    """The error to raise where ``purpose`` needs a package that an extra of ours brings.

    Args:
        package: Name of the package that is not installed, such as ``"matplotlib"``.
        extra: Extra of infocap-tasks that installs it, such as ``"report"``.
        purpose: What needs it, as the subject of the sentence, such as ``"The page"``.
    """
    return InfocapError(
        f"{purpose} needs the package {package}, which is not installed; "
        f'run `pip install "infocap-tasks[{extra}]"`'
    )
