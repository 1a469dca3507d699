"""`dealcast audit`: exit codes, one line on failure, a report to keep, nothing of the CRM's content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from features.sample import make_sample, write_sample
from features.times import DAY
from tests.serving.conftest import Ran

Dealcast = Callable[..., Ran]
FEW = ("--snapshots", "12", "--moments", "2")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited") / "crm"
    write_sample(make_sample(400, seed=5), folder)
    return folder


@pytest.fixture
def crm(sample: Path, tmp_path: Path) -> Path:
    """A copy of the sample, to be spoilt."""
    folder = tmp_path / "crm"
    folder.mkdir()
    for path in sample.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def rewrite(folder: Path, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = folder / f"{table}.csv"
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def failure(ran: Ran) -> str:
    assert ran.code == 1
    lines = [line for line in ran.err.splitlines() if line.startswith("dealcast: ")]
    assert len(lines) == 1, ran.err
    return lines[0]


def test_a_clean_crm_passes_and_leaves_a_report(dealcast: Dealcast, sample: Path, tmp_path: Path) -> None:
    ran = dealcast("audit", sample, *FEW, "--out", tmp_path / "audit")
    assert ran.code == 0, ran.err
    words = " ".join(ran.out.split())
    assert "No leak is proved." in words
    assert "x 6 ways of changing the future: no value moved" in words
    told = json.loads((tmp_path / "audit" / "audit.json").read_text("utf-8"))
    assert told["leak_proved"] is False
    assert [one["differing"] for one in told["comparisons"]] == [0] * 6
    assert (tmp_path / "audit" / "audit.md").read_text("utf-8").startswith("# Leakage audit\n\n## Verdict")


def test_a_fixed_field_that_history_contradicts_fails_and_names_the_column(
    dealcast: Dealcast, crm: Path, tmp_path: Path
) -> None:
    toml = (crm / "pipeline.toml").read_text("utf-8")
    (crm / "pipeline.toml").write_text(
        toml.replace('fixed_fields = ["kind"', 'fixed_fields = ["amount", "kind"')
    )
    ran = dealcast("audit", crm, *FEW, "--out", tmp_path / "audit")
    line = failure(ran)
    assert "a leak is proved" in line
    assert "opportunities.amount" in line
    proofs = json.loads((tmp_path / "audit" / "audit.json").read_text("utf-8"))["proofs"]
    assert [one["where"] for one in proofs] == ["opportunities.amount"]
    assert proofs[0]["counts"]["deals"] > 100
    assert "take it out of fixed_fields" in ran.out


def test_a_suspect_fails_only_when_that_is_asked_for(dealcast: Dealcast, crm: Path) -> None:
    rewrite(crm, "opportunities", lambda frame: frame.with_columns(source=pl.col("outcome")))
    ran = dealcast("audit", crm, *FEW)
    assert ran.code == 0, ran.err
    assert "feature source: its category alone tells won from lost" in " ".join(ran.out.split())
    line = failure(dealcast("audit", crm, *FEW, "--strict"))
    assert "nothing is proved; with --strict suspects fail too" in line
    assert "feature source" in line


def test_an_earlier_export_shows_what_was_overwritten(dealcast: Dealcast, tmp_path: Path) -> None:
    data = make_sample(400, seed=5, dirt=False).data
    data.write(tmp_path / "now")
    data.known_at(data.watermark() - 30 * DAY).write(tmp_path / "before")
    words = ("audit", tmp_path / "now", *FEW, "--earlier", tmp_path / "before")
    assert dealcast(*words).code == 0
    accounts = data["accounts"].with_columns(industry=pl.lit("mining"))
    accounts.write_parquet(tmp_path / "now" / "accounts.parquet")
    line = failure(dealcast(*words))
    assert "accounts.industry" in line
    assert "mining" not in line
    turned = dealcast("audit", tmp_path / "before", *FEW, "--earlier", tmp_path / "now")
    assert "change them round" in failure(turned)


def test_no_names_and_no_values_are_printed_or_written(dealcast: Dealcast, crm: Path, tmp_path: Path) -> None:
    rewrite(
        crm,
        "accounts",
        lambda frame: frame.with_columns(name=pl.lit("Zyx Secret GmbH"), industry=pl.lit("Zyx")),
    )
    rewrite(
        crm,
        "opportunities",
        lambda frame: frame.with_columns(product=pl.lit("Zyx"), loss_reason=pl.lit("Zyx")),
    )
    ran = dealcast("audit", crm, *FEW, "--out", tmp_path / "audit")
    files = "".join(path.read_text("utf-8") for path in (tmp_path / "audit").iterdir())
    assert "Zyx" not in ran.out + ran.err + files


def test_help_and_wrong_usage(dealcast: Dealcast, tmp_path: Path) -> None:
    ran = dealcast("audit", "--help")
    assert ran.code == 0
    assert "Example: dealcast audit data/" in " ".join(ran.out.split())
    assert dealcast("audit").code == 2
    assert dealcast("audit", tmp_path, "--moments", "0").code == 2
    assert "no such folder" in failure(dealcast("audit", tmp_path / "nowhere"))
