"""The as-if-live test on real data: a pin of what the README says, no aid to tuning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tests.serving.conftest import run_command

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "bpic2012"
MAPPING = Path(__file__).parent.parent / "examples" / "bpic2012.toml"
T = "2012-01-15T00:00:00Z"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data set is not at {DATA}")


def test_the_win_scores_of_later_applications_rank_and_fit_better_than_the_baselines(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    crm, out, pairs = tmp_path / "crm", tmp_path / "s.parquet", DATA / "pairs_after_2012-01-15.csv.gz"
    log = DATA / "events.csv.gz"
    assert run_command("import", "event-log", log, crm, "--mapping", MAPPING) == 0
    assert run_command("train", crm, "--as-of", T, "--target", "win", "--tracking-uri", uri) == 0
    words = ["score", crm, "--snapshots", pairs, "--out", out, "--tracking-uri", uri]
    assert run_command(*words) == 0
    shown = pl.read_parquet(out)["win_probability"]
    won = pl.read_csv(pairs)["won"]
    assert shown.null_count() == 0
    assert len(shown) == len(won) == 40_095
    assert roc_auc_score(won, shown) >= 0.675  # an ordinary baseline: 0.657
    assert log_loss(won, shown) < log_loss(won, np.full(len(won), won.mean()))
