"""What is measured against what, interleaved: every round asks everything once."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import python_of
from benchmarks.serving import peers
from benchmarks.serving.load import Measured, Request, measure
from benchmarks.serving.servers import free_port, processor_seconds, resident, running, uvicorn
from benchmarks.serving.world import T, World, body_of, encoded_row

Say = Callable[[str], None]
MANY = 200
EMPTY = "floor: empty POST"
V2 = "dealcast: /v2 infer, one row"


@dataclass(frozen=True)
class Server:
    """Where a server listens, and its process."""

    port: int
    pid: int


@dataclass(frozen=True)
class Subject:
    """A question to a server.

    Attributes:
        most: times the empty endpoint's median that it may take; None where no line is drawn.
        deals: scored by one request.
    """

    name: str
    server: Server
    request: Request
    most: float | None = None
    deals: int = 1


@dataclass(frozen=True)
class Found:
    """A subject's rounds, the floor's, and the server's processor seconds a request."""

    subject: Subject
    rounds: Sequence[Measured]
    floor: Sequence[Measured]
    cpu: float

    @property
    def p50(self) -> float:
        return statistics.median(each.quantile[50] for each in self.rounds)

    @property
    def p99(self) -> float:
        return statistics.median(each.quantile[99] for each in self.rounds)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return statistics.median(each.rate for each in self.rounds)

    @property
    def times_floor(self) -> float:
        """The median of the rounds' ratios of medians."""
        pairs = zip(self.rounds, self.floor, strict=True)
        return statistics.median(own.quantile[50] / floor.quantile[50] for own, floor in pairs)

    @property
    def failed(self) -> int:
        return sum(each.failed for each in self.rounds)


@contextmanager
def served(world: World) -> Iterator[tuple[Server, Server, Server]]:
    """The floors, dealcast over the world's store, and the same keeping nothing of what it read."""
    with tempfile.TemporaryDirectory(prefix="dealcast-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        floors, own, anew = free_port(), free_port(), free_port()
        more = {
            "DEALCAST_BENCH_MODEL": str(world.bundles / "win" / "model.txt"),
            "DEALCAST_BUNDLES": str(world.bundles),
            "DEALCAST_DATABASE_URL": world.store,
        }
        first = Request("/empty", b"{}")
        command = uvicorn("benchmarks.serving.floors:app", floors)
        floors_pid = stack.enter_context(running(command, floors, first, folder=folder, more=more))
        command = uvicorn("serving.worker:app", own)
        ready = Request("/health/ready")
        own_pid = stack.enter_context(running(command, own, ready, folder=folder, more=more))
        command = uvicorn("serving.worker:app", anew)
        forgetful = {**more, "DEALCAST_KEPT_ROWS": "1"}
        anew_pid = stack.enter_context(running(command, anew, ready, folder=folder, more=forgetful))
        yield Server(floors, floors_pid), Server(own, own_pid), Server(anew, anew_pid)


@dataclass(frozen=True)
class Started:
    """A worker over the store: seconds from its start until it is ready, and MiB that it then has."""

    seconds: float
    resident: float


def started(world: World, times: int, say: Say) -> list[Started]:
    """Workers that are started one after the other, nothing else being asked."""
    more = {"DEALCAST_BUNDLES": str(world.bundles), "DEALCAST_DATABASE_URL": world.store}
    found = []
    for number in range(times):
        say(f"start {number + 1} of {times}")
        with tempfile.TemporaryDirectory(prefix="dealcast-bench-") as scratch:
            port, begun = free_port(), time.monotonic()
            command, ready = uvicorn("serving.worker:app", port), Request("/health/ready")
            with running(command, port, ready, folder=Path(scratch), more=more) as pid:
                found.append(Started(time.monotonic() - begun, resident(pid)))
    return found


def subjects(world: World, floors: Server, own: Server, anew: Server) -> list[Subject]:
    """The lines of the table, the empty endpoint first."""
    row = encoded_row(world)
    told = Request("/fast", _json_row(row))
    score = f"/v1/opportunities/{world.deal}/score"
    plain = {
        (n, e): Request("/v1/scores", body_of(world, n, explain=e)) for n in (1, MANY) for e in (False, True)
    }
    fresh = f"{score}?as_of={T[:-1]}.{{n}}Z"
    return [
        Subject(EMPTY, floors, Request("/empty", b"{}")),
        Subject("floor: msgspec and LightGBM's fast row", floors, told),
        Subject("floor: the same by pydantic", floors, Request("/pydantic", told.body)),
        Subject("GET score from SQLite", own, Request(f"{fresh}&explain=false"), 5),
        Subject("GET score from SQLite, with reasons", own, Request(fresh), 10),
        Subject("GET score from SQLite, read anew", anew, Request(f"{fresh}&explain=false"), 5),
        Subject("GET score from SQLite, read anew, with reasons", anew, Request(fresh), 10),
        Subject("GET the day's score, with reasons", own, Request(score), 2),
        Subject("POST one history", own, plain[1, False], 6),
        Subject("POST one history, with reasons", own, plain[1, True], 12),
        Subject(f"POST {MANY} histories", own, plain[MANY, False], deals=MANY),
        Subject(f"POST {MANY} histories, with reasons", own, plain[MANY, True], deals=MANY),
        Subject(V2, own, peers.dealcast_request(row)),
    ]


def measured(asked: Sequence[Subject], rounds: int, seconds: float, say: Say) -> list[Found]:
    """Every subject once in each round, on one connection; the first is what the others are held against."""
    results: dict[str, list[Measured]] = {subject.name: [] for subject in asked}
    used: dict[str, float] = {}
    for number in range(rounds):
        for subject in asked:
            say(f"round {number + 1} of {rounds}: {subject.name}")
            longer = 2.5 if subject.deals > 1 else 1.0
            before = processor_seconds(subject.server.pid)
            results[subject.name].append(measure(subject.server.port, subject.request, seconds * longer))
            used[subject.name] = used.get(subject.name, 0.0) + processor_seconds(subject.server.pid) - before
    floor = results[asked[0].name]
    counts = {name: max(sum(each.count for each in its), 1) for name, its in results.items()}
    return [
        Found(subject, results[subject.name], floor, used[subject.name] / counts[subject.name])
        for subject in asked
    ]


@dataclass(frozen=True)
class Loaded:
    """A subject at a share of what it takes at the most."""

    name: str
    most: float
    paced: Measured


def loaded(subject: Subject, seconds: float, share: float = 0.6, connections: int = 8) -> Loaded:
    """Its distribution at a share of its greatest rate. The connections wait around a mean time by chance."""
    most = measure(subject.server.port, subject.request, seconds, connections)
    mean = connections / (share * most.rate)
    wait = max(mean - most.quantile[50] / connections * 2, 0.0)
    return Loaded(
        subject.name, most.rate, measure(subject.server.port, subject.request, seconds * 2, connections, wait)
    )


def beside_peers(
    world: World, own: Subject, names: Sequence[str], seconds: float, say: Say
) -> Mapping[str, tuple[Measured, Measured] | str]:
    """dealcast's and each peer's run on the same row, four connections, in turn; or why there is none."""
    found: dict[str, tuple[Measured, Measured] | str] = {}
    for name in names:
        say(f"peer: {name}")
        try:
            with _PEERS[name](world) as (port, request):
                measure(port, request, 1)
                pairs = [
                    (measure(own.server.port, own.request, seconds, 4), measure(port, request, seconds, 4))
                    for _ in range(2)
                ]
                found[name] = max(pairs, key=lambda pair: pair[1].rate)
        except (RuntimeError, OSError, ValueError) as error:
            found[name] = str(error)[:300]
    return found


@contextmanager
def _mlflow(world: World) -> Iterator[tuple[int, Request]]:
    text, row = _model(world)
    with tempfile.TemporaryDirectory(prefix="dealcast-peer-") as scratch:
        folder, port = Path(scratch), free_port()
        peers.mlflow_model(folder / "model", text, row)
        words = ["-m", "mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
        command = [str(python_of("")), *words, "-p", str(port), "-h", "127.0.0.1", "--workers", "1"]
        request = peers.mlflow_request(text, row)
        beside = (
            f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn there
        )
        with running(command, port, request, folder=folder, more={"PATH": beside}):
            yield port, request


@contextmanager
def _bentoml(world: World) -> Iterator[tuple[int, Request]]:
    text, row = _model(world)
    with tempfile.TemporaryDirectory(prefix="dealcast-peer-") as scratch:
        folder, port = Path(scratch), free_port()
        peers.bentoml_folder(folder, text)
        words = ["-m", "bentoml", "serve", "service:Peer", "--host", "127.0.0.1", "-p", str(port)]
        request = peers.bentoml_request(row)
        more = {"BENTOML_DO_NOT_TRACK": "1", "BENTOML_HOME": str(folder / "home"), "PYTHONPATH": ""}
        with running([str(python_of("bentoml")), *words], port, request, folder=folder, more=more):
            yield port, request


@contextmanager
def _mlserver(world: World) -> Iterator[tuple[int, Request]]:
    text, row = _model(world)
    with tempfile.TemporaryDirectory(prefix="dealcast-peer-") as scratch:
        folder, port = Path(scratch), free_port()
        peers.mlserver_folder(folder, text, port)
        command = [str(python_of("mlserver").with_name("mlserver")), "start", "."]
        request = peers.mlserver_request(row)
        with running(command, port, request, folder=folder, more={"PYTHONPATH": ""}):
            yield port, request


_PEERS = {"mlflow": _mlflow, "bentoml": _bentoml, "mlserver": _mlserver}
PEERS = tuple(_PEERS)
WANTED = {"mlflow": 50.0, "bentoml": 8.0, "mlserver": 4.0}  # times the peer's requests a second


def _model(world: World) -> tuple[str, Sequence[float | None]]:
    return (world.bundles / "win" / "model.txt").read_text(encoding="utf-8"), encoded_row(world)


def _json_row(row: Sequence[float | None]) -> bytes:
    return json.dumps({"row": list(row)}).encode()
