"""`audit`: proves on the data at hand that no feature sees the future; leakage suspects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.commands.common import Data, err, open_data, out, shown


def audit(
    data: Data,
    snapshots: Annotated[int, typer.Option(min=1, help="At most so many are compared in all.")] = 200,
    moments: Annotated[int, typer.Option(min=1, help="After so many moments the future is changed.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same report.")] = 0,
    earlier: Annotated[
        str | None, typer.Option(metavar="DIR", help="An earlier export of the same CRM, to compare with.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="For audit.json and audit.md.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on suspects too.")] = False,
) -> None:
    """Prove that no feature sees the future, by changing it; list what else may leak.

    After each of some moments, all that the CRM learnt later is deleted, changed, added to, corrected,
    merged and shuffled, and every feature as of the moment must stay equal to the bit. Columns read as
    fixed are held against their history and against an earlier export. Exit 1: a leak is proved.

    Example: dealcast audit data/ --earlier data-last-month/ --out data/audit
    """
    from features.audit import Export, LeakFound
    from features.audit import audit as audited

    tables, quality = open_data(data)
    export = Export(tables, quality.quarantine)
    before = None
    if earlier is not None:
        tables, quality = open_data(earlier)
        before = Export(tables, quality.quarantine)
    with err.status("auditing") as status:
        report = audited(
            export, snapshots=snapshots, moments=moments, seed=seed, earlier=before,
            progress=lambda doing: status.update(f"auditing {shown(data)}: {doing}"),
        )  # fmt: skip
    out.print(report.render())
    if to is not None:
        report.write(to)
        out.print(f"audit.json and audit.md: {to}")
    if failure := report.failure(strict=strict):
        raise LeakFound(f"{shown(data)}: {failure}")
