"""What a server is: its kind, version and models, found out by asking it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from infocap_tasks.backend.api.dialects import DIALECTS, Dialect
from infocap_tasks.errors import InfocapError, did_you_mean, one_line

# Read by the harness's own clients of servers, too.
API_KEY = "OPENAI_API_KEY"

_TIMEOUT_S = 20
_MODELS = "/v1/models"
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
# What users copy an address from ends in one of these.
_PATHS = ("/v1/completions", "/v1/chat/completions", "/generate", "/v1/models", "/v1")


@dataclass(frozen=True)
class Server:
    """A server of one model.

    Attributes:
        url: its address, without a path below it.
        dialect: how it is asked.
        name: what runs the model, such as ``vllm``.
        version: of that; None if it does not tell.
        model: the name under which it serves the model.
        source: the folder or hub id that it loaded the model from; None if it does not tell.
        max_length: the tokens that prompt and answer may have together; None if it does not tell.
    """

    url: str
    dialect: Dialect
    name: str
    version: str | None
    model: str
    source: str | None
    max_length: int | None

    @property
    def local_or_hub_source(self) -> str | None:
        """``source``, or the model's name, where config and tokenizer can be loaded from it here.

        A folder of another machine is none of them.
        """
        for name in (self.source, self.model):
            if name and (Path(name).is_dir() or _may_be_hub_id(name)):
                return name
        return None


def _may_be_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def ask(base_url: str, model: str | None, engine: str | None, api_key: str | None) -> Server:
    """The server at this address.

    Args:
        base_url: its address, with or without ``/v1`` or ``/v1/completions``.
        model: the model to score; None for the only one that it serves.
        engine: ``vllm``, ``sglang`` or ``echo``; None to find it out.
        api_key: sent as a bearer token; None for none.

    Raises:
        InfocapError: it does not answer, does not serve the model, or ``engine`` is unknown.
    """
    url = _without_path(base_url)
    if engine is not None and engine not in DIALECTS:
        raise InfocapError(
            f"engine={engine}: unknown; give one of {', '.join(DIALECTS)}, or leave it out"
        )
    asking = _Asking(url, api_key)
    served = _list(asking.told(_MODELS))
    chosen = _choose(served, model, url)
    version = asking.told("/version", engine in (None, "vllm")).get("version")
    info = asking.told("/get_model_info", engine in (None, "sglang"))
    if engine is None:
        if version and chosen.get("owned_by") in ("vllm", None):
            engine = "vllm"
        else:
            engine = "sglang" if "model_path" in info else "echo"
    if engine == "sglang":
        version = asking.told("/get_server_info").get("version")
    name = engine if engine != "echo" else str(chosen.get("owned_by") or "openai-compatible")
    limit = chosen.get("max_model_len")
    return Server(
        url,
        DIALECTS[engine],
        name,
        None if version is None else str(version),
        str(chosen["id"]),
        chosen.get("root") or info.get("model_path"),
        limit if isinstance(limit, int) else None,
    )


def require_source(server: Server) -> str:
    """Where config and tokenizer of a served model are loaded from.

    Raises:
        InfocapError: the server does not tell, or it is a folder of another machine.
    """
    source = server.local_or_hub_source
    if source is None:
        raise InfocapError(
            f"model {server.model} of {server.url}: the server loaded it from "
            f"{server.source or 'somewhere'}, which is no folder here and no hub id; add "
            "tokenizer=DIR_OR_HUB_ID to --model_args and flops_config=DIR_OR_HUB_ID to --metadata"
        )
    return source


def _without_path(base_url: str) -> str:
    url = base_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise InfocapError(
            f"base_url={base_url}: must begin with http:// or https://, such as "
            "http://localhost:8000/v1"
        )
    for path in _PATHS:
        url = url.removesuffix(path)
    return url


def _list(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    models = answer.get("data")
    if not isinstance(models, list):
        return []
    return [model for model in models if isinstance(model, dict) and "id" in model]


def _choose(served: list[Mapping[str, Any]], model: str | None, url: str) -> Mapping[str, Any]:
    names = [str(entry["id"]) for entry in served]
    if model is None and len(served) == 1:
        return served[0]
    if model is None:
        raise InfocapError(f"model=: {url} serves {', '.join(names) or 'no model'}; name one")
    if model in names:
        return served[names.index(model)]
    if not names:
        return {"id": model}  # it does not list them
    meant = did_you_mean(model, names)
    raise InfocapError(f"model={model}: not served by {url}; {meant}it serves {', '.join(names)}")


class _Asking:
    """GET requests to one server."""

    def __init__(self, url: str, api_key: str | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def told(self, path: str, is_wanted: bool = True) -> Mapping[str, Any]:
        """The JSON object at this path; an empty one if the server has none, or is not asked.

        Raises:
            InfocapError: it does not answer, or not now: it must not be taken for another kind.
        """
        if not is_wanted:
            return {}
        try:
            request = Request(self._url + path, headers=self._headers)
            with urlopen(request, timeout=_TIMEOUT_S) as answer:
                content = json.load(answer)
        except HTTPError as error:
            return self._without(path, error.code)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or one_line(error)
            raise InfocapError(
                f"base_url={self._url}: no server answers there ({reason}); start one, or give "
                "its address, such as http://localhost:8000/v1"
            ) from None
        except ValueError:  # no JSON
            return {}
        return content if isinstance(content, dict) else {}

    def _without(self, path: str, status: int) -> Mapping[str, Any]:
        if status in (401, 403) and path == _MODELS:
            raise InfocapError(
                f"base_url={self._url}: answered {status} (no access); set the key in the "
                f"environment variable {API_KEY}"
            )
        if status in _BUSY:
            raise InfocapError(
                f"base_url={self._url}: answered {status} to {path}; it is loading or busy: start "
                "the same command again when it is ready"
            )
        return {}
