"""Addresses of stores: which are understood, and how they are shown."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from serving.store.errors import StoreError

DEFAULT = "sqlite:///dealcast.db"
# The driver is named, as what SQLAlchemy takes by default changes between its versions.
_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "postgresql+psycopg2": "postgresql+psycopg2",
}


def is_address(data: str) -> bool:
    """Whether DATA of a command names a store rather than a folder.

    >>> is_address("sqlite:///dealcast.db"), is_address("data/crm")
    (True, False)
    """
    return "://" in data


def address_of(text: str) -> URL:
    """The address, with the driver that is used.

    >>> address_of("postgresql://crm@db/sales").drivername
    'postgresql+psycopg2'

    Raises:
        StoreError: it is none, or of another kind of database, or of an SQLite in memory.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError(f"not a store's address; write {DEFAULT} or postgresql://user@host/name") from None
    if url.drivername not in _DRIVERS:
        raise StoreError(f"{url.drivername} is no store that is known here (allowed: sqlite, postgresql)")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError(f"an SQLite store needs a file, as in {DEFAULT}")
    return url.set(drivername=_DRIVERS[url.drivername])


def shown(text: str) -> str:
    """The address without its password, for messages.

    >>> shown("postgresql://crm:secret@db/sales")
    'postgresql://crm:***@db/sales'
    """
    try:
        return make_url(text).render_as_string(hide_password=True)
    except ArgumentError:
        return "the store"
