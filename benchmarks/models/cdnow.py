"""CDNOW, as if live at 1997-09-30: who orders again by 1998-06-30? dealcast's churn beside BG/NBD.

The way was fixed before any outcome after the cut-off was looked at. 273 days lie before the cut-off and
the question reaches 273 days ahead, so that no label of that length can be learnt, nor can the default
split (three parts, 90 days behind each of two) be made. Learnt is a shorter label, "no order within h
days", with the three parts as they are; h is the longest whole part of 273 days for which the two judging
parts (1.25 h each) leave at least 60% of the time to the first: 39 days, a seventh. The chance of 273 silent
days is then the product of seven chances of 39 silent days, each asked at the moment when the ones before
have passed in silence:

    P(silent for k h) = prod over j < k of P(silent for h more | nothing since, at as_of + j h)

with features of the history known at the cut-off, read j h days later. The product is exact where each
factor is right; what is extrapolated is that trees see silences longer than any they have learnt from.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.environments import python_of
from benchmarks.models.bgnbd import PUBLISHED, BgNbd, Purchases, fit_bgnbd
from benchmarks.report import Report
from features.build import build_features
from features.canonical import TIME, CanonicalData, empty_table
from features.config import PipelineConfig
from features.snapshots import Snapshots
from features.tables import TABLES
from features.times import DAY, FloatArray, parse_instant
from training.bootstrap import interval
from training.dataset import open_source
from training.errors import TooLittleData
from training.metrics import calibration_error
from training.run import Trained, train_target
from training.splits import ROOM

CUTOFF = parse_instant("1997-10-01T00:00:00Z")  # all of 1997-09-30 is known
UNTIL = parse_instant("1998-07-01T00:00:00Z")
SPAN_DAYS = (UNTIL - CUTOFF) // DAY
TO_LEARN = 0.6  # of the time before the cut-off: the first part's share of `training.splits`
WEEK_DAYS = 7.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Customers:
    """One entry per customer, in the order of their ids.

    Attributes:
        ids: as in the file.
        seen: in weeks, as the literature counts them: up to the day of the cut-off.
        ordered: 1 where there is an order after the cut-off within the span, else 0.
    """

    ids: list[str]
    seen: Purchases
    ordered: FloatArray


def cdnow_reports(path: Path, facts: Mapping[str, str], say: Say) -> list[Report]:
    """The figures, the parameters beside the literature's, and what the default split says."""
    orders = _orders(path)
    customers = _customers(orders)
    say("BG/NBD")
    ours = fit_bgnbd(customers.seen)
    checks = _checks(customers, ours)
    refused = _refusal(orders)
    first = int(orders["at"].dt.epoch("us").to_numpy().min())
    days = horizon_days((CUTOFF - first) // DAY, SPAN_DAYS)
    say(f"dealcast, {days} days at a time")
    trained = train_target(open_source(_canonical(orders, days), CUTOFF), "churn")
    said = {
        "dealcast": 1.0 - _silent(trained, customers, SPAN_DAYS // days),
        "BG/NBD": ours.orders_again(customers.seen, SPAN_DAYS / WEEK_DAYS),
        "days since the last order": _recency_rank(customers),
    }
    rows = [_row(who, p, customers.ordered, said["BG/NBD"]) for who, p in said.items()]
    notes = [
        f"The default (churn within 90 days) says: {refused}",
        f"dealcast learnt: no order within {days} days; {SPAN_DAYS // days} times that is {SPAN_DAYS} days.",
        f"Its own forward test, for {days} days: " + _own(trained),
        "The last row is no probability: its AUC alone is meant.",
    ]
    header = (
        "who", "ROC AUC", "less BG/NBD's [90%]", "log loss", "less BG/NBD's [90%]", "calibration error",
        "mean said", "came true", "customers",
    )  # fmt: skip
    return [Report("CDNOW: an order by 1998-06-30, asked at 1997-09-30", facts, header, rows, notes), checks]


def horizon_days(before: int, span: int) -> int:
    """The longest whole part of a span whose judging parts leave enough of the time before to learn from."""
    parts = (k for k in range(1, span + 1) if span % k == 0)
    return next(span // k for k in parts if before - 2 * ROOM * (span // k) >= TO_LEARN * before)


def _orders(path: Path) -> pl.DataFrame:
    """Lines of customer, day, CDs, dollars; one row each."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    lines = [words for words in lines if words[0].isdigit()]
    days = pl.Series([words[1] for words in lines]).str.to_date("%Y%m%d").cast(pl.Datetime("us"))
    return pl.DataFrame(
        {
            "order_id": [f"L{i}" for i in range(len(lines))],
            "account_id": [words[0] for words in lines],
            "at": days.dt.offset_by("12h").dt.replace_time_zone("UTC"),
            "amount": [float(words[3]) for words in lines],
        }
    )


def _customers(orders: pl.DataFrame) -> Customers:
    at = pl.col("at").dt.epoch("us")
    day = at // DAY
    early = orders.filter(at < CUTOFF)
    table = (
        early.group_by("account_id")
        .agg(first=day.min(), last=day.max(), days=day.n_unique())
        .sort("account_id")
    )
    later = orders.filter((at >= CUTOFF) & (at < UNTIL))["account_id"].unique().implode()
    first, last = table["first"].to_numpy(), table["last"].to_numpy()
    seen = Purchases(
        repeats=table["days"].to_numpy().astype(np.float64) - 1.0,
        recency=(last - first) / WEEK_DAYS,
        age=(CUTOFF // DAY - 1 - first) / WEEK_DAYS,
    )
    ordered = table["account_id"].is_in(later).to_numpy().astype(np.float64)
    return Customers(table["account_id"].to_list(), seen, ordered)


def _canonical(orders: pl.DataFrame, churn_days: int) -> CanonicalData:
    tables = {name: empty_table(table) for name, table in TABLES.items()}
    names = pl.Series("account_id", orders["account_id"].unique().sort())
    tables["accounts"] = pl.concat([tables["accounts"], names.to_frame()], how="diagonal")
    tables["orders"] = pl.concat(
        [tables["orders"], orders.with_columns(pl.col("at").cast(TIME))], how="diagonal"
    )
    config = PipelineConfig(stages=("none",), churn_days=churn_days, currency="USD")
    return CanonicalData(tables, config)


def _refusal(orders: pl.DataFrame) -> str:
    """What training says with the default horizon."""
    try:
        train_target(open_source(_canonical(orders, PipelineConfig().churn_days), CUTOFF), "churn")
    except TooLittleData as error:
        return str(error)
    return "nothing: it trains"


def _silent(trained: Trained, customers: Customers, steps: int) -> FloatArray:
    """The chance of no order in so many horizons one after the other, from the cut-off on."""
    source, bundle = trained.source, trained.bundle
    place = {str(name): i for i, name in enumerate(source.history.accounts.ids)}
    entity = np.array([place[name] for name in customers.ids], np.int64)
    silent = np.ones(len(entity))
    for step in range(steps):
        as_of = np.full(len(entity), CUTOFF + step * source.policy.churn_days * DAY, np.int64)
        frame = build_features(source.history, Snapshots(entity, as_of), "account", source.reference)
        silent *= bundle.probability(frame)
    return silent


def _recency_rank(customers: Customers) -> FloatArray:
    """The nearer the last order, the greater; in (0, 1)."""
    return 1.0 / (1.0 + 1.0 + customers.seen.age - customers.seen.recency)


def _row(who: str, p: FloatArray, ordered: FloatArray, peer: FloatArray) -> list[str]:
    from sklearn.metrics import roc_auc_score

    def auc(said: FloatArray, times: FloatArray) -> float:
        return float(roc_auc_score(ordered, said, sample_weight=times))

    ones, entity = np.ones(len(p)), np.arange(len(p))
    losses = _losses(p, ordered) - _losses(peer, ordered)
    by_auc = interval(lambda times: auc(p, times) - auc(peer, times), entity)
    by_loss = interval(lambda times: float(np.average(losses, weights=times)), entity)
    is_peer, is_probability = p is peer, not who.startswith("days")
    higher = f"{auc(p, ones) - auc(peer, ones):+.4f} [{by_auc.low:+.4f}, {by_auc.high:+.4f}]"
    worse = f"{losses.mean():+.4f} [{by_loss.low:+.4f}, {by_loss.high:+.4f}]"
    loss, error = _losses(p, ordered).mean(), calibration_error(p, ordered, ones)
    said = (f"{loss:.4f}", "" if is_peer else worse, f"{error:.3f}", f"{p.mean():.3f}")
    told = said if is_probability else [""] * len(said)
    return [
        who, f"{auc(p, ones):.4f}", "" if is_peer else higher, *told,
        f"{ordered.mean():.3f}", f"{len(p):,}",
    ]  # fmt: skip


def _losses(p: FloatArray, label: FloatArray) -> FloatArray:
    return -np.log(np.where(label > 0, p, 1.0 - p))


def _own(trained: Trained) -> str:
    metrics = trained.evaluation.metrics
    return (
        f"ROC AUC {metrics['roc_auc']:.3f}, log loss {metrics['log_loss']:.4f} beside the base rate's "
        f"{metrics['baseline_base_rate_log_loss']:.4f}, calibration error {metrics['calibration_error']:.3f}"
    )


def _checks(customers: Customers, ours: BgNbd) -> Report:
    """Our fit beside that of `lifetimes` and the published one."""
    asked = {name: values.tolist() for name, values in vars(customers.seen).items()}
    done = subprocess.run(
        [str(python_of("lifetimes")), str(Path(__file__).with_name("lifetimes_fit.py"))],
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    sample = Purchases(**{name: np.array(values, np.float64) for name, values in told["sample_data"].items()})
    apart = float(np.abs(ours.alive(customers.seen) - np.array(told["alive"])).max())
    rows = [
        _parameters("1/10 sample, published", BgNbd(*PUBLISHED)),
        _parameters("1/10 sample, lifetimes 0.11.3", BgNbd(**told["sample"])),
        _parameters("1/10 sample, here", fit_bgnbd(sample)),
        _parameters("all customers, lifetimes 0.11.3", BgNbd(**told["full"])),
        _parameters("all customers, here", ours),
    ]
    notes = [f"P(alive) of all customers, here and by lifetimes: apart by at most {apart:.2g}."]
    return Report("CDNOW: BG/NBD's parameters, in weeks", {}, ("fit", "r", "alpha", "a", "b"), rows, notes)


def _parameters(name: str, model: BgNbd) -> list[str]:
    return [name, *(f"{value:.3f}" for value in (model.r, model.alpha, model.a, model.b))]
