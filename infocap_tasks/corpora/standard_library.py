"""Texts that ship with every Python: its help topics, and the sources of its library."""

import importlib.util
import platform

from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError


def python_version() -> str:
    """The running Python, on which these texts depend: ``CPython 3.11.7``."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def pydoc_topics() -> list[Text]:
    """The help topics of Python's own ``help()``, sorted by name, one text a topic."""
    from pydoc_data.topics import topics

    return [Text(topics[name], f"pydoc_data.topics[{name!r}]", name) for name in sorted(topics)]


# Pure Python, longer than most context windows, and modules (not packages) with their source in
# every CPython from 3.10 on. None of them is frozen into the interpreter.
STANDARD_LIBRARY_MODULES = (
    "_pydecimal", "_strptime", "argparse", "ast", "asyncio.base_events", "asyncio.streams",
    "bdb", "calendar", "concurrent.futures.process", "configparser", "contextlib", "csv",
    "dataclasses", "difflib", "doctest", "email.message", "enum", "ftplib", "functools",
    "gettext", "html.parser", "http.client", "http.cookiejar", "inspect", "ipaddress",
    "json.decoder", "locale", "logging.handlers", "mailbox", "optparse", "pickle", "platform",
    "pprint", "random", "shutil", "smtplib", "socketserver", "statistics", "subprocess",
    "tarfile", "textwrap", "tokenize", "traceback", "unittest.mock", "urllib.parse", "uuid",
    "weakref", "xml.dom.minidom",
)  # fmt: skip


def module_sources() -> list[Text]:
    """Sources of ``STANDARD_LIBRARY_MODULES``, one text a module.

    Raises:
        InfocapError: this Python ships one of them without its source.
    """
    return [_module_source(name) for name in STANDARD_LIBRARY_MODULES]


def _module_source(name: str) -> Text:
    spec = importlib.util.find_spec(name)
    get_source = getattr(spec and spec.loader, "get_source", None)
    source = get_source(name) if get_source else None
    if not source:
        raise InfocapError(
            f"corpus pycode: this Python ({platform.python_version()}) has no source of the "
            f"standard-library module {name!r}; use a Python that ships its library as .py files"
        )
    return Text(source, name, name)
