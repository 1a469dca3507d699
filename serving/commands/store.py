"""`store load`, `store upgrade`, `store check`: the database of records and receipts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from serving.clock import now
from serving.commands.common import err, open_data, out

store_app = typer.Typer(no_args_is_help=True, help="The store: records and receipts in SQLite or PostgreSQL.")

Address = Annotated[
    str | None,
    typer.Argument(
        metavar="[URL]",
        help="sqlite:///FILE or postgresql://…; default: DEALCAST_DATABASE_URL, else sqlite:///dealcast.db.",
    ),
]


@store_app.command("load")
def load(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Folder of canonical tables, or a store.")],
    address: Address = None,
) -> None:
    """Append a data set to a store, with its pipeline.toml. What is there already is passed over.

    Records without recorded_at count as known when they happened. Of accounts, contacts, reps, leads and
    opportunities the row that came last counts, so load older exports first.

    Example: dealcast store load data/ sqlite:///dealcast.db
    """
    from serving.store.dataset import copy_into
    from serving.store.store import open_store

    tables, report = open_data(data)
    store = open_store(_address(address))
    done = 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        status.update(f"writing {store.shown}: {done:,} rows")

    with err.status(f"writing {store.shown}") as status:
        new = copy_into(store, tables, now, tell)
    watermark = store.watermark().seq
    store.close()
    out.print(f"{store.shown}: {new:,} of {done:,} rows were new; the watermark is {watermark}")
    if len(report.quarantine):
        err.print(f"{len(report.quarantine):,} findings of the cleaning; `dealcast check {data}` lists them")


@store_app.command("upgrade")
def upgrade(address: Address = None) -> None:
    """Make the store's tables, or bring them up to this version. Servers do the same when they start.

    Example: dealcast store upgrade postgresql://crm@db/sales
    """
    from serving.store.store import Store

    store = Store(_address(address))
    changed = store.upgrade()
    store.close()
    out.print(f"{store.shown}: {'brought up to this version' if changed else 'is of this version already'}")


@store_app.command("check")
def check(address: Address = None) -> None:
    """Say whether the store answers and is of this version, and up to where its records go.

    Example: dealcast store check
    """
    from features.times import iso
    from serving.store.store import Store

    store = Store(_address(address))
    store.check()
    mark = store.watermark()
    store.close()
    came = (
        "nothing has come in yet" if mark.received_at is None else f"the last came in {iso(mark.received_at)}"
    )
    out.print(f"{store.shown}: answers, is of this version; watermark {mark.seq}, {came}")


def _address(given: str | None) -> str:
    from serving.settings import DATABASE
    from serving.store.addresses import DEFAULT

    return given or os.environ.get(DATABASE) or DEFAULT
