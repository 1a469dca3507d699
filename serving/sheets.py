"""A report's pages on the disk: rendered by processes of their own, while the next ones are thought out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

from features.errors import DataError
from serving.pages.render import Link, Site, render
from serving.pages.shown import Shown
from serving.wording import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh-CN")
_MOST_PROCESSES = 4
_AHEAD = 16  # pages of a process that may wait for it, each with its answers
_PLACES = {  # of the pages that are not named after themselves
    "pipeline": "index.html",
}


@dataclass(frozen=True)
class Sheets:
    """Where the files of one language lie, and how they reach each other.

    Attributes:
        folder: of the language.
        languages: those the report is written in.
        files: by deal, the file of its page.
        names: the pages that there are.
        time_zone: in which days are shown.
    """

    folder: Path
    language: Language
    languages: Sequence[Language]
    files: Mapping[str, str]
    names: Sequence[str]
    time_zone: str

    def write(self, page: str, file: str, context: Mapping[str, Any]) -> None:
        """One page into a file of the language's folder."""
        html = render(page, self._site(file), context)
        target = self.folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, encoding="utf-8")

    def _site(self, file: str) -> Site:
        up = up_from(file)
        others: dict[str, str] = {each: f"{up}../{each}/{quote(file)}" for each in LANGUAGES}
        return Site(
            shown=Shown(self.language, self.time_zone),
            deal=lambda deal: f"{up}deals/{quote(self.files[deal])}" if deal in self.files else "",
            asset=lambda name: f"{up}../static/{name}",
            navigation=tuple(Link(name, up + _PLACES.get(name, f"{name}.html")) for name in self.names),
            languages=others if len(self.languages) > 1 else None,
            live=False,
        )


def up_from(file: str) -> str:
    """The way from a file to its language's folder."""
    return "../" * file.count("/")


class Press:
    """Writes the pages that are handed to it; what goes wrong with one is raised by a later call: DataError
    where a process was ended."""

    def __init__(self, pool: ProcessPoolExecutor, most: int) -> None:
        self._pool, self._most = pool, most
        self._waiting: list[Future[None]] = []
        self.pages = 0

    def write(self, sheets: Sheets, page: str, file: str, context: Mapping[str, Any]) -> None:
        """Have one page written; waits while too many others do."""
        self._wait_for(self._most - 1)
        with _told():
            self._waiting.append(self._pool.submit(sheets.write, page, file, context))
        self.pages += 1

    def finish(self) -> None:
        """Wait until all is written."""
        self._wait_for(0)

    def _wait_for(self, most: int) -> None:
        while len(self._waiting) > most:
            with _told():
                self._waiting.pop(0).result()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenExecutor:
        raise DataError(
            "a process that writes pages was ended, by somebody or for want of memory; no report was written:"
            " run it again"
        ) from None


@contextmanager
def pressed() -> Iterator[Press]:
    """A press, which has written all when the block ends."""
    processes = min(max((os.cpu_count() or 1) - 1, 1), _MOST_PROCESSES)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        press = Press(pool, processes * _AHEAD)
        try:
            yield press
            press.finish()
        finally:
            pool.shutdown(cancel_futures=True)
