"""A data set read whole, with what pages make of it, and how that of a store keeps up with its records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from features.errors import DataError
from serving import bookings
from serving.around import Indexed
from serving.clock import now
from serving.histories import Histories, of_rows, of_tables
from serving.kept import Given, Made, day_of, tag_of
from serving.pipeline import Pipeline, scored
from serving.problems import Problem
from serving.scorer import Scorer
from serving.similar import Closed, closed_of
from serving.store.store import Store, Watermark

if TYPE_CHECKING:
    from features.canonical import CanonicalData
    from serving.store.dataset import Tables
    from training.forecast.assemble import Ground

LARGE = 200_000  # records of a store from which on it is read beside, which below takes about a second
_SHARE = 10  # so many times as long as a reading took it is not read again

log = logging.getLogger("dealcast.serving")


@dataclass(frozen=True, eq=False)
class Whole:
    """A data set that is served, and what was made of it once.

    Attributes:
        histories: of its deals.
        known: up to when it knows, in microseconds; None where nothing came in.
        data: its tables; None where there are none.
        seq: up to where it goes, of a store's records; None for a folder.
        mark: names it; it names no other one.
    """

    histories: Histories
    known: int | None
    data: CanonicalData | None = None
    seq: int | None = None
    mark: str = field(default_factory=lambda: uuid4().hex)
    pipelines: Made[Pipeline] = field(default_factory=Made)
    forecasts: Made[Given] = field(default_factory=lambda: Made(bookings.KEPT))
    grounds: Made[Ground] = field(default_factory=lambda: Made(1))
    closed: Made[Closed] = field(default_factory=lambda: Made(1))
    _moments: dict[str, int] = field(default_factory=dict)

    @property
    def tables(self) -> CanonicalData:
        """Its tables. Raises Problem where none are served, DataError where a store holds nothing yet."""
        if self.data is not None:
            return self.data
        if self.seq is None:
            raise no_data_set()
        raise DataError("the store holds no opportunity yet; POST /v1/records")

    @cached_property
    def index(self) -> Indexed:
        """By which records are found without a look at the others."""
        return Indexed(self.tables)

    def today(self, time_zone: str) -> int:
        """The moment (microseconds) of which all speak that ask on this day: when the first one asked."""
        moment = now()
        day, _ = day_of(moment, time_zone)
        return self._moments.setdefault(day, moment)

    def is_of_today(self, time_zone: str) -> bool:
        """Whether somebody asked on this day."""
        return day_of(now(), time_zone)[0] in self._moments

    def pipeline(self, scorer: Scorer, as_of: int) -> Pipeline:
        """Every deal that is open at a moment."""

        def make() -> Pipeline:
            scores, teams = scored(scorer, self.histories, as_of)
            tag = tag_of(self.mark, as_of, scorer.versions)
            return Pipeline(as_of, scores, teams, self.known, self.seq, tag)

        return self.pipelines.of((scorer.number, as_of), make)

    def forecast(
        self, scorer: Scorer, as_of: int, asked: bookings.Question, beside: bookings.Beside
    ) -> Given:
        """The forecast at a moment; see `bookings.forecast_of`."""

        def make() -> Given:
            return bookings.forecast_of(
                scorer, lambda: self.tables, as_of, self.known, asked, beside,
                mark=self.mark, grounds=self.grounds,
            )  # fmt: skip

        return self.forecasts.of((scorer.number, as_of, asked, beside), make)

    def closed_deals(self, scorer: Scorer) -> Closed:
        """Its closed deals, to be compared with. Raises BundleError; see `similar.closed_of`."""
        return self.closed.of((scorer.number,), lambda: closed_of(scorer, self.histories))


def no_data_set() -> Problem:
    """Nothing is served by id."""
    return Problem(
        404, "no-data-set", "No data set is served",
        "start the server with one (`dealcast serve DATA`), or post histories to /v1/scores",
    )  # fmt: skip


class Following:
    """The whole of a store, as it follows the store's records.

    Up to `LARGE` records it is read anew when it is asked for and records came in. A larger store's is read
    by a thread, which makes what is asked for first, too; meanwhile the former one is given.
    """

    def __init__(self, store: Store, large: int = LARGE) -> None:
        self._store, self._large = store, large
        self._tables: Tables | None = None
        self._last: Whole | None = None
        self._reading, self._starting = threading.Lock(), threading.Lock()
        self._rests_until = 0  # microseconds
        self._thread: threading.Thread | None = None

    def latest(self, prepare: Callable[[Whole], None]) -> Whole:
        """The whole of all records, or of a large store the one that was read last.

        Args:
            prepare: makes of one that was read beside what else the next who asks would wait for.

        Raises:
            DataError: the records cannot be read.
            StoreAway: the store does not answer.
        """
        mark, last = self._store.watermark(), self._last
        if last is None or (_is_behind(last, mark) and mark.seq < self._large):
            with self._reading:
                if self._last is None or _is_behind(self._last, mark):
                    self._last = self._read(mark)
                return self._last
        if _is_behind(last, mark):
            self._read_beside(mark, prepare)
        return last

    def keep_up(self, prepare: Callable[[Whole], None], time_zone: str) -> None:
        """Read a large store beside where records came in, or prepare it where another day began, though
        nobody asks; not before somebody has."""
        last = self._last
        if last is None or (last.seq or 0) < self._large or self._is_resting:
            return
        if last.is_of_today(time_zone):
            self.latest(prepare)
        else:
            self._read_beside(self._store.watermark(), prepare)

    @property
    def _is_resting(self) -> bool:
        """Whether it is read just now, or was a moment ago."""
        busy = self._thread is not None and self._thread.is_alive()
        return busy or now() < self._rests_until

    def wait(self) -> None:
        """Until what is read beside is there."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _read_beside(self, mark: Watermark, prepare: Callable[[Whole], None]) -> None:
        with self._starting:
            if self._is_resting:
                return
            work = threading.Thread(
                target=self._follow, args=(mark, prepare), name="follow-store", daemon=True
            )
            self._thread = work
            work.start()

    def _follow(self, mark: Watermark, prepare: Callable[[Whole], None]) -> None:
        begin = now()
        try:
            found = self._last
            if found is None or _is_behind(found, mark):
                with self._reading:
                    found = self._read(mark)
            prepare(found)
            self._last = found
        except Exception:
            log.exception("the store could not be read, or not prepared; what was read before is served")
        finally:  # what fails is not tried again and again, either
            end = now()
            self._rests_until = end + _SHARE * (end - begin)

    def _read(self, mark: Watermark) -> Whole:
        if not next(self._store.portions("opportunities", mark.seq, at_once=1), ()):
            return Whole(of_rows({}), mark.received_at, seq=mark.seq, mark=str(mark.seq))
        if self._tables is None:
            from serving.store.dataset import Tables

            self._tables = Tables(self._store)
        data, _ = self._tables.up_to(mark.seq)
        return Whole(of_tables(data), mark.received_at, data, mark.seq, str(mark.seq))


def _is_behind(whole: Whole, mark: Watermark) -> bool:
    return (whole.seq or 0) < mark.seq
