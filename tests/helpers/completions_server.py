"""A completions server on the loopback, whose model finds all bytes equally likely."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# The tokens of one prompt to the field "logprobs" of its answer.
LogProbabilities = Callable[[list[int]], Any]


def uniform(tokens: list[int]) -> dict[str, Any]:
    """Those of a prompt and of one token more: each is as likely as one byte of 256."""
    each = -math.log(256)
    values = [None, *[each] * len(tokens)]
    return {"token_logprobs": values, "top_logprobs": [{"x": each}] * len(values)}


@contextmanager
def completions_server(logprobs: LogProbabilities) -> Iterator[str]:
    """The address of a server that answers each prompt with one token and these."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            choices = [
                {"index": index, "text": "!", "logprobs": logprobs(tokens)}
                for index, tokens in enumerate(asked["prompt"])
            ]
            body = json.dumps({"object": "text_completion", "choices": choices}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/completions"
        server.shutdown()
