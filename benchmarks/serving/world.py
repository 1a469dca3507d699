"""What is served: a made-up CRM in a folder and in a store, and models of a stated size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.build import build_features
from features.canonical import TIME, CanonicalData
from features.from_tables import history_from_tables
from features.history import History
from features.snapshots import Snapshots
from features.sources.folder import load
from features.times import IntArray, parse_instant
from serving.bundles import pointer_of
from training.bundle import TABLES_FILE, Bundle, load_bundle
from training.close import CLOSE
from training.labels import ENTITY, TARGETS

T = "2025-03-31T00:00:00Z"
TREES, LEAVES, RECORDS = 300, 31, 100
_MOMENTS = ("2024-07-01", "2024-09-01", "2024-11-01", "2025-01-01", "2025-03-01")


@dataclass(frozen=True)
class World:
    """A folder with `crm`, `store.db` and `bundles`, and the deal that is asked for.

    Attributes:
        deal: open at `T`, of about `RECORDS` records, its account's among them.
        records: how many it has.
    """

    folder: Path
    deal: str
    records: int

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'store.db'}"


def made(folder: Path, deals: int = 1200, seed: int = 4) -> World:
    """The world, made where the folder does not hold it yet."""
    from features.sample import make_sample, write_sample

    if not (folder / "bundles" / "versions.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "crm").exists():
            write_sample(make_sample(deals, seed=seed), folder / "crm")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        _dealcast("train", folder / "crm", "--as-of", T, "--tracking-uri", uri)
        _dealcast("pull", folder / "trained", "--tracking-uri", uri)
        _dealcast("store", "load", folder / "crm", f"sqlite:///{folder / 'store.db'}")
        _enlarge(folder / "trained", folder / "bundles", load(folder / "crm")[0])
    for target in TARGETS:  # as a delivery does, with the code as it now is
        bundle = load_bundle(folder / "bundles" / target)
        if bundle.booster.prepared is None:
            bundle.booster.keep_tables(folder / "bundles" / target / TABLES_FILE)
    return World(folder, *_deal_of_size(folder / "crm"))


def _dealcast(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "serving.cli", *map(str, words)], check=True)


def _enlarge(trained: Path, bundles: Path, data: CanonicalData) -> None:
    """The trained bundles with trees of the stated size, what they predict is of no interest; of the model of
    when its own."""
    history: History | None = None
    places = pointer_of(trained).places
    for target in TARGETS:
        bundle = load_bundle(trained / places[target].folder)
        history = history or history_from_tables(data, bundle.conventions)
        _of_size(bundle, history).save(bundles / target)
    shutil.copytree(trained / places[CLOSE].folder, bundles / CLOSE)
    versions = json.dumps({target: places[target].version for target in (*TARGETS, CLOSE)})
    (bundles / "versions.json").write_text(versions, encoding="utf-8")


def _of_size(bundle: Bundle, history: History) -> Bundle:
    from training.models import Sample, fit

    entity = ENTITY[bundle.target]
    count = len((history.opportunities if entity == "opportunity" else history.accounts).ids)
    every = np.arange(count, dtype=np.int64)
    moments = [parse_instant(moment) for moment in _MOMENTS]
    snapshots = Snapshots(np.tile(every, len(moments)), np.repeat(np.array(moments), count))
    matrix = bundle.encoding.matrix(build_features(history, snapshots, entity, bundle.reference))
    rng = np.random.default_rng(3)
    wanted = np.nan_to_num(matrix) @ (rng.normal(size=matrix.shape[1]) / (1 + np.nanstd(matrix, axis=0)))
    label = (wanted + rng.normal(size=len(wanted)) > np.median(wanted)).astype(np.float64)
    # A small step, so that the last trees still find something to split.
    params = {"num_leaves": LEAVES, "min_data_in_leaf": 10, "learning_rate": 0.02, "lambda_l2": 0.0}
    trees = fit(Sample(matrix, label, np.ones(len(label))), bundle.encoding, rounds=TREES, params=params)
    return replace(bundle, booster=trees)


def _deal_of_size(crm: Path) -> tuple[str, int]:
    sizes = _sizes(load(crm)[0])
    row = sizes.sort((pl.col("records") - RECORDS).abs(), "opportunity_id").row(0, named=True)
    return str(row["opportunity_id"]), int(row["records"])


def _sizes(data: CanonicalData) -> pl.DataFrame:
    """How many records the deals that are open at T have: their account's with them."""
    deals = data["opportunities"]
    at = pl.lit(T).str.to_datetime(time_unit="us", time_zone="UTC")
    opened = deals.filter(
        pl.col("created_at") < at, pl.col("closed_at").is_null() | (pl.col("closed_at") > at)
    ).select("opportunity_id", "account_id")
    of = deals.select("opportunity_id", "account_id")
    done = (
        data["activities"].select("opportunity_id", own="account_id").join(of, "opportunity_id", how="left")
    )
    by_account = done.select(account_id=pl.coalesce("own", "account_id"))
    parts = [
        by_account,
        *(data[name].select("account_id") for name in ("orders", "contacts", "opportunities")),
    ]
    accounts = pl.concat(parts).group_by("account_id").len("of_account")
    changes = pl.concat([data[name].select("opportunity_id") for name in ("stage_changes", "field_changes")])
    own = changes.group_by("opportunity_id").len("of_deal")
    joined = opened.join(accounts, "account_id").join(own, "opportunity_id", how="left")
    return joined.with_columns(records=pl.col("of_account") + pl.col("of_deal").fill_null(0))


def body_of(world: World, count: int, *, explain: bool) -> bytes:
    """A body for `POST /v1/scores`: the deal alone, or with others of about its size."""
    data = load(world.folder / "crm")[0]
    sizes = _sizes(data).sort((pl.col("records") - RECORDS).abs(), "opportunity_id")
    names = sizes["opportunity_id"].to_list()[: min(count, 10)]
    posted = [_posted(data, name) for name in names]
    deals = [posted[i % len(posted)] for i in range(count)]
    return json.dumps({"as_of": T, "explain": explain, "opportunities": deals}).encode()


def _posted(data: CanonicalData, name: str) -> dict[str, Any]:
    deal = _rows(data["opportunities"].filter(pl.col("opportunity_id") == name))[0]
    account = pl.col("account_id") == deal["account_id"]
    mine = pl.col("opportunity_id") == name
    for table in ("stage_changes", "field_changes", "leads"):
        deal[table] = _rows(data[table].filter(mine))
    others = data["opportunities"].filter(account, ~mine)
    deal["account_opportunities"] = _rows(
        others.select("opportunity_id", "created_at", "closed_at", "outcome")
    )
    of_deals = pl.col("opportunity_id").is_in([name, *others["opportunity_id"]])
    done = _rows(data["activities"].filter(of_deals | account.fill_null(False)))
    deal["activities"] = [{"opportunity_id": None, **row} for row in done]
    deal["account"] = next(iter(_rows(data["accounts"].filter(account))), None)
    for table in ("contacts", "orders"):
        deal[table] = _rows(data[table].filter(account))
    return deal


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    texts = frame.with_columns(pl.col(TIME).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [{k: v for k, v in row.items() if v is not None} for row in texts.to_dicts()]


def encoded_row(world: World) -> Sequence[float | None]:
    """The deal's ready-made feature row, as the win model's trees see it; None where not given."""
    bundle = load_bundle(world.bundles / "win")
    history = history_from_tables(load(world.folder / "crm")[0], bundle.conventions)
    codes: IntArray = history.opportunity_codes([world.deal])
    snapshots = Snapshots(codes, np.array([parse_instant(T)]))
    frame = build_features(history, snapshots, "opportunity", bundle.reference)
    return [None if np.isnan(value) else value for value in bundle.encoding.matrix(frame)[0].tolist()]
