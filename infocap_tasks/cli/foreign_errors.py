"""What the harness and the libraries below it raise, as one line: what, why not, what to do."""

import argparse
import sqlite3

from infocap_tasks.errors import EXTRAS, InfocapError, missing_package, one_line

_SHOW = "(LMEVAL_LOG_LEVEL=DEBUG shows where)"


def worded(error: Exception, options: argparse.Namespace | None) -> InfocapError:
    """The error that a user is shown for one of another library.

    Args:
        error: what was raised while the harness ran.
        options: the flags, completed; None if they could not be parsed.
    """
    model = f"--model {options.model}" if options is not None else "infocap eval"
    said = " ".join(str(error).split()) or type(error).__name__
    match error:
        case ImportError() if error.name in EXTRAS:
            return missing_package(error.name, EXTRAS[error.name], "infocap eval")
        case ImportError():
            package = f"the package {error.name}" if error.name else "a package"
            said = " ".join(map(str, error.args))  # the harness raises some with two sentences
            return InfocapError(
                f"{model}: needs {package}, which is not installed here ({said}); install it, or "
                "leave out the flag or argument that needs it"
            )
        case NotImplementedError() | AssertionError():
            return InfocapError(
                f"{model}: cannot do what a task asks of it ({one_line(error)}); infocap tasks "
                "need log-likelihoods of whole texts: take another backend, such as infocap-hf, "
                f"vllm or local-completions {_SHOW}"
            )
        case sqlite3.Error():
            return InfocapError(
                f"--use_cache {getattr(options, 'use_cache', '')}: cannot be opened or written "
                f"({said}); name a file in a folder that exists and is writable"
            )
        case ValueError() | OSError() | TypeError() | AttributeError():
            return InfocapError(f"{said} {_SHOW}")
    return InfocapError(f"{model}: {one_line(error)} {_SHOW}")
