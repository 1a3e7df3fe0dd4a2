"""A policy behind vla-eval's protocol, as an evaluation sees any policy: one connection for every slot.

Each slot's connection is a session of its own, so a server that batches over sessions answers all slots in one batch.
N slots, C actions of an answer, A action dimensions.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import websockets
from vla_eval.connection import Connection
from vla_eval.protocol.messages import MessageType
from vla_eval.protocol.numpy_codec import set_image_format

from muvla.benchmark.benchmark import benchmark_of, environment_named
from muvla.evaluate.acting import UNKNOWN, Facts
from muvla.evaluate.remote.conventions import agreed, declared, observed
from muvla.files import Json
from muvla.sim.contract import ACTION_DIMS

T = TypeVar("T")
IDENTITY = ("model_server", "harness_version", "action_spec", "observation_spec", "observation_params")  # of a HELLO


class ServerError(ConnectionError):
    """A policy's server is gone, slow, or answers nonsense. Nothing is counted: restart it, give the command again."""


class RemotePolicy:
    """Act through the server at `address` (ws://host:port) in `slots` environments.

    timeout: seconds to wait for a connection or an answer. server_chunk: actions that the server runs of each of its
    plans; None: as one of our servers declares, else 1.

    Raises:
        ServerError: nobody answers there, or not with vla-eval's protocol.
        ConventionMismatch: the server was made for another benchmark.
    """

    def __init__(
        self, address: str, environment: str, *, slots: int, timeout: float, server_chunk: int | None = None
    ) -> None:
        self.address, self.timeout = address, timeout
        self.row, self.benchmark = environment_named(environment), benchmark_of(environment)
        self.forwards = np.zeros(slots, np.int64)
        self.memory_updates = np.zeros(slots, np.int64)
        self._queries = np.zeros(slots, np.int64)
        self._plans: list[deque[np.ndarray]] = [deque() for _ in range(slots)]  # rows of an answer that wait to run
        self._in_episode = [False] * slots
        self._seeds: list[int | None] = [None] * slots
        set_image_format("raw")  # lossless as png is, without its work
        _bypass_proxy(address)
        self._connections = [Connection(address, timeout=timeout, max_retries=1) for _ in range(slots)]
        self._runner = asyncio.Runner()
        try:
            self._runner.run(together([self._hello(one) for one in self._connections]))
            hello = self._connections[0].server_info
            self.wanted = agreed(hello, self.benchmark, address)
            own = declared(hello)
        except BaseException:
            self.close()
            raise
        self._told_chunk = server_chunk or (own.per_forward if own else None)
        self.facts = Facts(
            name=address,
            benchmark=self.benchmark,
            sha256=own.checkpoint_sha256 if own else UNKNOWN,
            num_mem_tokens=own.num_mem_tokens if own else 0,
            width=own.width if own else 0,
            chunk=1,
            per_forward=self._told_chunk or 1,
            server={name: hello[name] for name in IDENTITY if name in hello}
            | {"unchecked": list(self.wanted.unchecked)},
        )

    def act(
        self,
        images: np.ndarray,
        proprio: np.ndarray,
        instructions: Sequence[str],
        is_first: np.ndarray,
        active: np.ndarray,
    ) -> np.ndarray:
        """Ask the server in every active slot at once and wait for all answers.

        images (N, 2, H, W, 3) uint8, proprio (N, P), is_first and active (N,) bool -> commands (N, 1, A) float32

        Of an answer that is a plan (C, A) the following rows are kept for the next steps, as far as the server's chunk
        goes; the server is asked again when they have run.
        Raises ServerError.
        """
        slots = np.flatnonzero(active).tolist()
        messages = [
            observed(self.benchmark, self.wanted, images[slot], proprio[slot], instructions[slot]) for slot in slots
        ]
        asked = [self._ask(slot, message, is_first[slot]) for slot, message in zip(slots, messages, strict=True)]
        commands = np.zeros((len(images), 1, ACTION_DIMS), np.float32)
        for slot, row in zip(slots, self._runner.run(together(asked)), strict=True):
            commands[slot, 0] = np.clip(row, -self.benchmark.action_bound, self.benchmark.action_bound)
        return commands

    def begin_episode(self, slot: int, seed: int) -> None:
        """Keep the seed of the slot's next episode, which the server is told with its start."""
        self._seeds[slot] = seed

    def end_episode(self, slot: int, *, success: bool, steps: int) -> None:
        """Tell the server that the slot's episode is over."""
        self._in_episode[slot] = False
        result = {"metrics": {"success": success}, "steps": steps}
        self._runner.run(self._send(self._connections[slot], MessageType.EPISODE_END, result))

    def close(self) -> None:
        """Close every connection; safe to call twice."""
        if self._connections:
            self._runner.run(self._close())
            self._connections = []
            self._runner.close()

    async def _close(self) -> None:
        await asyncio.gather(*(one.close() for one in self._connections), return_exceptions=True)

    async def _hello(self, connection: Connection) -> None:
        try:
            await connection.connect(benchmark=self.benchmark.title)
        except (OSError, ValueError, RuntimeError, websockets.WebSocketException) as error:
            cause = error.__cause__ or error
            raise ServerError(
                f"no policy server answers at {self.address} ({type(cause).__name__}: {cause}): start it, or correct "
                "policy=ws://HOST:PORT"
            ) from error

    async def _ask(self, slot: int, message: Json, is_first: bool) -> np.ndarray:
        """Return the next action (A,) of a slot."""
        connection, plan = self._connections[slot], self._plans[slot]
        if is_first:
            await self._begin(slot)
        if plan:
            return plan.popleft()
        sent = await self._send(connection, MessageType.OBSERVATION, message)
        try:
            reply = await connection.recv(timeout=self.timeout)
        except TimeoutError as error:
            raise self._failed(f"did not answer within {self.timeout:g} s; timeout=SECONDS gives it more") from error
        except (OSError, websockets.WebSocketException) as error:
            raise self._failed(f"is gone ({type(error).__name__}: {error})") from error
        except ValueError as error:
            raise self._failed(f"sent what is no message: {error}") from error
        if reply.type == MessageType.ERROR:
            raise self._failed(f"reports an error: {reply.payload}")
        if reply.type != MessageType.ACTION or reply.seq != sent:
            raise self._failed(
                f"sent {reply.type.value} number {reply.seq} in answer to observation number {sent}, not its action"
            )
        rows = self._rows(reply.payload)
        if len(rows) > 1 or self._queries[slot] % self.facts.per_forward == 0:
            self.forwards[slot] += 1
            self.memory_updates[slot] += bool(self.facts.num_mem_tokens)
        self._queries[slot] += 1
        plan.extend(rows[1:])
        return rows[0]

    async def _begin(self, slot: int) -> None:
        if self._in_episode[slot]:
            await self._send(self._connections[slot], MessageType.EPISODE_END, {})
        self._plans[slot].clear()
        self.forwards[slot] = self.memory_updates[slot] = self._queries[slot] = 0
        task = {"name": self.row.name, "suite": self.row.family}
        start = {"task": task, "seed": self._seeds[slot]}
        await self._send(self._connections[slot], MessageType.EPISODE_START, start)
        self._in_episode[slot] = True

    async def _send(self, connection: Connection, kind: MessageType, payload: Json) -> int:
        # vla-eval's send() reconnects by itself: to a new session, which knows nothing of the episode
        if not connection.is_connected:
            raise self._failed("is gone (the connection was closed)")
        try:
            return await connection.send(kind, payload)
        except (OSError, websockets.WebSocketException) as error:
            raise self._failed(f"is gone ({type(error).__name__}: {error})") from error

    def _rows(self, payload: Json) -> np.ndarray:
        """Return the rows (C, A) of an answer that are to run before the next question."""
        given: Any = payload.get("actions", payload.get("action"))
        if given is None:
            raise self._failed(f"answered no actions, but {', '.join(payload) or 'nothing'}")
        try:
            actions = np.atleast_2d(np.asarray(given, np.float32))
        except (TypeError, ValueError) as error:
            raise self._failed(f"answered no array of numbers: {error}") from error
        if actions.ndim != 2 or actions.shape[1] != ACTION_DIMS or not len(actions):
            raise self._failed(
                f"answered actions of shape {np.shape(given)}; {self.benchmark.title} takes ({ACTION_DIMS},), or "
                f"(C, {ACTION_DIMS}) for a plan"
            )
        if not np.isfinite(actions).all():
            raise self._failed(f"answered NaN or infinity: {actions.tolist()}")
        if len(actions) == 1:
            return actions
        if self._told_chunk is None:
            raise self._failed(
                f"answers with plans of {len(actions)} actions: say with server_chunk=N how many of them run before "
                "it is asked again"
            )
        if len(actions) < self._told_chunk:
            raise self._failed(f"answered a plan of {len(actions)} actions, of which {self._told_chunk} are to run")
        return actions[: self._told_chunk]

    def _failed(self, what: str) -> ServerError:
        return ServerError(
            f"the policy server at {self.address} {what}. No episode was counted as a failure: set the server right "
            "and give the same command again"
        )


def _bypass_proxy(address: str) -> None:
    """Keep websockets from asking the proxy of http_proxy for an address of this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1":
        given = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
        os.environ["no_proxy"] = ",".join(filter(None, [given, host]))


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run the calls at once; when all are done return their results, or raise the first error."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
