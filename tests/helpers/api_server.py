"""A server on the loopback that scores with a small model and speaks like vLLM, SGLang or OpenAI.

Its log-probabilities are those of a model of transformers in float32, taken in float64. It can be
told to misbehave.
"""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


@dataclass
class ModelServer:
    """What is served, and how.

    ``kind`` is vllm, sglang, echo, no-logprobs (as llama.cpp's server: it ignores echo) or
    retokenizes (it reads other tokens than it is sent).
    """

    folder: str
    kind: str = "vllm"
    name: str = "served"
    root: str | None = None
    max_model_len: int | None = 256
    key: str | None = None
    # Statuses to answer the next requests with, in order; then answers.
    statuses: list[int] = field(default_factory=list)
    # Requests to leave without an answer, or whose connection breaks, one for each number.
    stalls_s: list[float] = field(default_factory=list)
    breaks: int = 0
    # Put in the place of the last log-probability.
    last_value: Any = None
    # Log-probabilities to leave out at the end.
    leaves_out: int = 0
    delay_s: float = 0.0
    # It is still loading: each GET is answered by 503.
    busy: bool = False
    # Whether an echo repeats the tokens of the prompt.
    says_tokens: bool = True
    url: str = ""
    prompts: list[tuple[int, ...]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.load(self.folder)

    def load(self, folder: str) -> None:
        """Serve these weights from now on."""
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def logprobs(self, ids: list[int]) -> list[tuple[float, int, float, int]]:
        """Of each token but the first: log-probability, rank, that of the likeliest, its id."""
        with self.lock:
            logits = self.model(torch.tensor([ids])).logits[0, :-1].double()
        table = logits.log_softmax(-1)
        chosen = table[range(len(ids) - 1), ids[1:]]
        ranks = 1 + (table > chosen[:, None]).sum(-1)
        top = table.max(-1)
        return list(
            zip(
                chosen.tolist(),
                ranks.tolist(),
                top.values.tolist(),
                top.indices.tolist(),
                strict=True,
            )
        )


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
                return self._send(401, {})
            if server.busy:
                return self._send(503, {})
            owner = "vllm" if server.kind in ("vllm", "retokenizes") else server.kind
            model = {"id": server.name, "owned_by": owner, "root": server.root}
            if server.max_model_len:
                model["max_model_len"] = server.max_model_len
            answers: dict[str, Any] = {"/v1/models": {"object": "list", "data": [model]}}
            if owner == "vllm":
                answers["/version"] = {"version": "0.0.test"}
            if owner == "sglang":
                answers["/get_model_info"] = {"model_path": server.root}
                answers["/get_server_info"] = {"version": "0.0.test"}
            if self.path in answers:
                return self._send(200, answers[self.path])
            return self._send(404, {"error": "not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.headers.append(dict(self.headers))
            with server.lock:
                server.in_flight += 1
                server.most_in_flight = max(server.most_in_flight, server.in_flight)
            try:
                self._answer(body)
            except BrokenPipeError:
                pass  # the client has given up
            finally:
                with server.lock:
                    server.in_flight -= 1

        def _answer(self, body: dict[str, Any]) -> None:
            if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
                return self._send(401, {})
            with server.lock:
                status = server.statuses.pop(0) if server.statuses else 200
                stall_s = server.stalls_s.pop(0) if server.stalls_s else server.delay_s
                breaks, server.breaks = server.breaks > 0, max(0, server.breaks - 1)
            if status != 200:
                return self._send(status, {"error": "busy"})
            time.sleep(stall_s)
            if breaks:
                self.close_connection = True
                return None
            ids = body.get("prompt") or body["input_ids"]
            server.prompts.append(tuple(ids))
            if server.kind == "retokenizes":
                ids = [ids[0], *ids]
            return self._send(200, _ANSWERS[server.kind](server, ids, body))

        def _send(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _scored(server: ModelServer, ids: list[int]) -> list[tuple[float, int, float, int]]:
    scored = server.logprobs(ids)
    if server.last_value is not None:
        scored[-1] = (server.last_value, *scored[-1][1:])
    return scored[: len(scored) - server.leaves_out]


def _vllm(server: ModelServer, ids: list[int], body: dict[str, Any]) -> dict[str, Any]:
    entries: list[Any] = [None]
    for token, (nats, rank, *_) in zip(ids[1:], _scored(server, ids), strict=False):
        decoded = server.tokenizer.decode([token])
        entries.append({str(token): {"logprob": nats, "rank": rank, "decoded_token": decoded}})
    return {
        "choices": [{"text": "x", "prompt_logprobs": entries}],
        "usage": {"prompt_tokens": len(ids)},
    }


def _sglang(server: ModelServer, ids: list[int], body: dict[str, Any]) -> dict[str, Any]:
    start = body["logprob_start_len"]
    scored = _scored(server, ids)
    entries = [
        [nats, token, server.tokenizer.decode([token])]
        for token, (nats, *_) in zip(ids[1:], scored, strict=False)
    ][start:]
    tops = [[[top, token, None]] for _, _, top, token in scored][start:]
    meta = {
        "prompt_tokens": len(ids),
        "input_token_logprobs": [[None, ids[start], None], *entries],
    }
    if body.get("top_logprobs_num"):
        meta["input_top_logprobs"] = [None, *tops]
    return {"text": "x", "meta_info": meta}


def _echo(server: ModelServer, ids: list[int], body: dict[str, Any]) -> dict[str, Any]:
    scored = _scored(server, ids)
    logprobs = {
        "tokens": [*(server.tokenizer.decode([token]) for token in ids), "x"],
        "token_logprobs": [None, *(nats for nats, *_ in scored), -0.5],
        "top_logprobs": [None, *({f"#{token}": top} for _, _, top, token in scored), {"x": -0.5}],
    }
    if not server.says_tokens:
        del logprobs["tokens"]
    return {
        "choices": [{"text": "…", "logprobs": logprobs}],
        "usage": {"prompt_tokens": len(ids)},
    }


def _no_logprobs(server: ModelServer, ids: list[int], body: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"text": "x"}], "usage": {"prompt_tokens": len(ids)}}


_ANSWERS = {
    "vllm": _vllm,
    "retokenizes": _vllm,
    "sglang": _sglang,
    "echo": _echo,
    "no-logprobs": _no_logprobs,
}

NAN = math.nan  # as json writes it: NaN


@contextmanager
def serving(folder: object, **how: Any) -> Iterator[ModelServer]:
    """A server of the model in this folder, on a free port."""
    server = ModelServer(str(folder), **how)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
