"""Receipts written behind the answers, in batches, so that no answer waits for a disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from serving.store.errors import StoreAway, StoreError
from serving.store.receipts import Receipt

log = logging.getLogger("dealcast.store")
ROOM = 10_000  # receipts that may wait
AT_ONCE = 500  # written in one transaction
GATHER_SECONDS = 0.05  # that a receipt waits for others, at most
WAIT_SECONDS = 1.0  # that an answer waits for room
RETRY_SECONDS = 0.5
_REMEMBERED = 4_096


class ReceiptWriter:
    """A bounded queue and one thread, which begins with the first receipt.

    A receipt leaves the queue when it is on the disk, and not before; while the store fails, it is tried
    again and again. Where the queue is full an answer waits, and is refused rather than given without a
    receipt. What a process killed within `GATHER_SECONDS` of an answer takes with it can be had again: the
    same question at the answer's `as_of` makes the same receipt with the same id.
    """

    def __init__(self, keep: Callable[[Sequence[Receipt]], None], room: int = ROOM) -> None:
        self._write, self._room = keep, room
        self._waiting: deque[Receipt] = deque()
        self._seen: dict[str, None] = {}
        self._promised = self._kept = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = self._hurry = False
        self._failure: StoreError | None = None

    @property
    def waiting(self) -> int:
        """How many receipts are not on the disk yet."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next receipt must wait for room."""
        return len(self._waiting) >= self._room

    def put(self, receipt: Receipt) -> None:
        """Promise to keep a receipt.

        Raises:
            StoreAway: there is no room for it, as the store takes none.
        """
        with self._changed:
            if receipt.prediction_id in self._seen:
                return
            if not self._changed.wait_for(lambda: len(self._waiting) < self._room, WAIT_SECONDS):
                raise StoreAway("receipts cannot be written, and too many wait") from self._failure
            self._remember(receipt.prediction_id)
            self._waiting.append(receipt)
            self._promised += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
                self._thread.start()
            if len(self._waiting) in (1, AT_ONCE):
                self._changed.notify_all()

    def flush(self) -> None:
        """Wait until every receipt that was promised by now is on the disk.

        Raises:
            StoreError: the store takes none.
        """
        with self._changed:
            promised = self._promised
            if self._kept >= promised:
                return
            self._hurry, self._failure = True, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._kept >= promised or self._failure is not None)
            self._hurry = False
            if self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """Write what waits and end the thread; what the store does not take is told in the log."""
        try:
            self.flush()
        except StoreError as error:
            log.warning("%d receipts were lost: %s", len(self._waiting), error)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                if self._closing:
                    return
                self._changed.wait_for(self._due, GATHER_SECONDS)
                batch = [self._waiting[i] for i in range(min(AT_ONCE, len(self._waiting)))]
            failure = self._written(batch)
            with self._changed:
                self._failure = failure
                if failure is None:
                    for _ in batch:
                        self._waiting.popleft()
                    self._kept += len(batch)
                self._changed.notify_all()
                if failure is not None:
                    self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)

    def _due(self) -> bool:
        return self._hurry or self._closing or len(self._waiting) >= AT_ONCE

    def _written(self, batch: Sequence[Receipt]) -> StoreError | None:
        try:
            self._write(batch)
        except StoreError as error:
            log.warning("receipts wait: %s", error)
            return error
        return None

    def _remember(self, prediction_id: str) -> None:
        self._seen[prediction_id] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
