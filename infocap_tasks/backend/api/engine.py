"""The engine of ``infocap-api``: a client that keeps many requests to one server in flight."""

import asyncio
import hashlib
import json
import logging
import queue
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import aiohttp

from infocap_tasks.backend.api.dialects import NotUsable, ScoredToken, window_score
from infocap_tasks.backend.api.server import API_KEY, Server
from infocap_tasks.backend.engine import EngineFacts, WindowScore
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

log = logging.getLogger("lm_eval.infocap_tasks")

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_LONGEST_WAIT_ASKED_FOR_S = 300.0
_SAID_CHARACTERS = 300

_Scored = tuple[int, list[WindowScore]]


class _Again(Exception):
    """A request that may be answered if it is sent again.

    Attributes:
        wait_s: how long the server wants it to wait; None if it does not say.
    """

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class ApiEngine:
    """A model behind a server, asked over HTTP.

    Args:
        server: what is asked.
        num_concurrent: requests in flight at most.
        timeout_s: a request that is not answered after so many seconds is sent again.
        max_retries: a request is sent at most once and so many times more.
        api_key: sent as a bearer token; None for none.
        dtype: of the server's computation, as its user says; None if they do not.
        max_length: prompt tokens at most, without the last one, which is only predicted.

    Raises:
        InfocapError: when scoring, the server stays away or gives no log-likelihoods.
    """

    def __init__(
        self,
        server: Server,
        num_concurrent: int,
        timeout_s: float,
        max_retries: int,
        api_key: str | None,
        dtype: str | None,
        max_length: int,
    ) -> None:
        self.server = server
        self.max_length = max_length
        self._num_concurrent = num_concurrent
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._max_retries = max_retries
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._dtype = dtype

    @property
    def facts(self) -> EngineFacts:
        """What results record of it."""
        dialect = self.server.dialect
        return EngineFacts(
            self.server.name,
            self.server.version,
            self._dtype,
            f"{dialect.name} server",
            dialect.softmax_dtype,
        )

    def budget_tokens(self) -> int:
        """One: each window is a request of its own."""
        return 1

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Hex digits that differ by model, engine and ``settings``; not by the weights.

        The address is none of it, since the same server may come back on another port.
        """
        everything = {
            "engine": self.server.name,
            "version": self.server.version,
            "model": self.server.model,
            "source": self.server.source,
            "dtype": self._dtype,
            "max_length": self.max_length,
            **settings,
        }
        text = json.dumps(everything, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch, in its order."""
        scored = dict(self.score_concurrently([[window] for window in batch], want_greedy))
        return [scored[number][0] for number in range(len(batch))]

    def score_concurrently(
        self, batches: Sequence[Sequence[Window]], want_greedy: bool
    ) -> Iterator[_Scored]:
        """The number and the scores of each batch, in the order in which they are finished."""
        for number, tokens in self.tokens(batches, want_greedy):
            yield number, [window_score(of_window) for of_window in tokens]

    def tokens(
        self, batches: Sequence[Sequence[Window]], want_greedy: bool
    ) -> Iterator[tuple[int, list[list[ScoredToken]]]]:
        """What the server says of each scored token, by the number of the batch.

        In a thread of its own, since a notebook has an event loop in this one.
        """
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        loop = asyncio.new_event_loop()
        job = loop.create_task(self._ask_all(batches, want_greedy, finished))
        with closing(loop), ThreadPoolExecutor(1) as thread:
            ended = thread.submit(_run, loop, job, finished)
            try:
                while (item := finished.get()) is not None:
                    yield item
                ended.result()
            finally:  # also where the caller stopped: nothing is left in flight
                loop.call_soon_threadsafe(job.cancel)

    async def _ask_all(
        self,
        batches: Sequence[Sequence[Window]],
        want_greedy: bool,
        finished: "queue.SimpleQueue[Any]",
    ) -> None:
        waiting = iter(enumerate(batches))

        async def work(session: aiohttp.ClientSession) -> None:
            for number, batch in waiting:
                tokens = [await self._ask(session, window, want_greedy) for window in batch]
                finished.put((number, tokens))

        connector = aiohttp.TCPConnector(limit=self._num_concurrent)
        async with aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, headers=self._headers
        ) as session:
            workers = [
                asyncio.create_task(work(session))
                for _ in range(min(self._num_concurrent, len(batches)))
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()

    async def _ask(
        self, session: aiohttp.ClientSession, window: Window, want_greedy: bool
    ) -> list[ScoredToken]:
        """The answer to one request, which is sent again after growing waits where that helps."""
        for attempt in range(self._max_retries + 1):
            try:
                return await self._ask_once(session, window, want_greedy)
            except _Again as again:
                why = again
            if attempt == self._max_retries:
                break
            wait_s = why.wait_s or min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
            wait_s *= random.uniform(1, 1.25)  # so that not all come back at once
            log.warning("%s %s: asking again in %.0f s", self.server.url, why, wait_s)
            await asyncio.sleep(wait_s)
        raise InfocapError(
            f"base_url={self.server.url}: {why}, {self._max_retries + 1} times; with --cache DIR "
            "the answers before are kept: start the same command again when the server is back"
        )

    async def _ask_once(
        self, session: aiohttp.ClientSession, window: Window, want_greedy: bool
    ) -> list[ScoredToken]:
        server = self.server
        body = server.dialect.request(server.model, window, want_greedy)
        try:
            async with session.post(server.url + server.dialect.path, json=body) as response:
                text = await response.text()
                _refuse_status(server.url, response, text)
        except asyncio.TimeoutError:
            raise _Again(f"did not answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Again(f"broke the connection ({_short(str(error))})") from None
        try:
            return server.dialect.read(json.loads(text), window, want_greedy)
        except (NotUsable, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            said = str(error) if isinstance(error, NotUsable) else f"answered {_short(text)}"
            raise InfocapError(
                f"base_url={server.url}: {said}; infocap-api needs the log-probability of each "
                "prompt token: serve the model with vLLM or SGLang, or score it here with "
                "infocap-hf, infocap-vllm or infocap-gguf"
            ) from None


def _run(
    loop: asyncio.AbstractEventLoop, job: "asyncio.Task[None]", finished: "queue.SimpleQueue[Any]"
) -> None:
    try:
        loop.run_until_complete(job)
    except asyncio.CancelledError:
        pass
    finally:
        finished.put(None)


def _refuse_status(url: str, response: aiohttp.ClientResponse, text: str) -> None:
    status = response.status
    if status == 429 or status >= 500 or status == 408:
        raise _Again(f"answered {status}", _wait_asked_for_s(response))
    if status in (401, 403):
        raise InfocapError(
            f"base_url={url}: answered {status} (no access); set the key in the environment "
            f"variable {API_KEY}"
        )
    if status >= 400:
        raise InfocapError(f"base_url={url}: answered {status}: {_short(text)}")


def _wait_asked_for_s(response: aiohttp.ClientResponse) -> float | None:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT_ASKED_FOR_S) if asked.isdecimal() else None


def _short(text: str) -> str:
    return " ".join(text.split())[:_SAID_CHARACTERS]
