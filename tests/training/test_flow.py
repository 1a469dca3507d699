"""What changed between two forecasts, and targets: exact sums, and defined answers to bad tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from features.canonical import CanonicalData
from features.errors import DataError, MissingColumn
from features.times import DAY, parse_instant
from training.dataset import Source
from training.forecast.assemble import Asked, Models, forecast
from training.forecast.flow import PARTS, _changes, _State, flow
from training.forecast.goals import outlooks, read_goals
from training.hazard import train_close
from training.labels import Target
from training.run import Trained

SINCE, AS_OF = parse_instant("2025-01-20"), parse_instant("2025-02-17")
ASKED = Asked(draws=300)


@pytest.fixture(scope="module")
def models(source: Source, trained: Mapping[Target, Trained]) -> Models:
    return Models(trained["win"].bundle, train_close(source, trained["win"]).bundle)


def test_the_parts_of_a_flow_are_the_whole_change_to_the_cent(data: CanonicalData, models: Models) -> None:
    found = flow(data, SINCE, AS_OF, models, ASKED)
    assert set(found.parts) == set(PARTS)
    assert sum(found.parts.values()) == found.after - found.before
    assert found.parts["won"] > 0 > found.parts["lost"]
    assert found.parts["pushed"] <= 0 <= found.parts["pulled_in"]
    assert found.parts["corrected"] == 0


def test_a_flow_ends_at_what_the_forecast_expects(data: CanonicalData, models: Models) -> None:
    found = flow(data, SINCE, AS_OF, models, ASKED)
    made = forecast(data, AS_OF, models, Asked(days=60, draws=4_000, shock=0.0))
    row = next(r for r in made.frame().iter_rows(named=True) if r["period"] == "quarter")
    assert found.after / 100 == pytest.approx(row["mean"], rel=0.02)


def test_each_kind_of_change_goes_to_its_own_part() -> None:
    one = _State({"a": (100.0, 0.5, 0.5), "b": (80.0, 0.5, 1.0), "c": (10.0, 0.5, 1.0)}, {"d": 700}, 0)
    two = _State({"a": (120.0, 0.5, 0.4), "e": (10.0, 1.0, 1.0)}, {"b": 9_000, "d": 900}, 0)
    assert _changes("a", one, two) == {"grown": 500, "less_likely": 0, "pushed": -600}
    assert _changes("b", one, two) == {"won": 5_000}
    assert _changes("c", one, two) == {"lost": -500}
    assert _changes("d", one, two) == {"corrected": 200}
    assert _changes("e", one, two) == {"new": 1_000}


def test_a_flow_over_the_edge_of_a_quarter_is_refused(data: CanonicalData, models: Models) -> None:
    with pytest.raises(DataError, match="same quarter"):
        flow(data, AS_OF - 90 * DAY, AS_OF, models, ASKED)


def table(folder: Path, text: str) -> Path:
    path = folder / "targets.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_low_target_is_surely_reached_and_a_high_one_never(
    data: CanonicalData, models: Models, tmp_path: Path
) -> None:
    made = forecast(data, AS_OF, models, Asked(days=60, draws=300, by=("team_id",)))
    team = made.cells[0][0]
    text = f"team_id,quarter,amount\n{team},2025-Q1,1\n(all),2025-Q1,1e12\n"
    low, high = outlooks(made, read_goals(table(tmp_path, text)))
    assert (low.probability, high.probability) == (1.0, 0.0)
    middle = f"team_id,quarter,amount\n(all),2025-Q1,{high.median}\n"
    assert outlooks(made, read_goals(table(tmp_path, middle)))[0].probability == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("team_id,quarter,amount\nT,Q1 2025,5\n", "2025-Q3"),
        ("team_id,quarter,amount\nT,2025-Q1,-5\n", "above 0"),
        ("team_id,quarter,amount\nT,2025-Q1,much\n", "above 0"),
    ],
)
def test_a_target_that_is_none_is_named_with_its_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_goals(table(tmp_path, text))
    assert "row 1" in str(caught.value)


def test_targets_need_their_columns_their_team_and_their_quarter(
    data: CanonicalData, models: Models, tmp_path: Path
) -> None:
    with pytest.raises(MissingColumn, match="amount"):
        read_goals(table(tmp_path, "team_id,quarter\nT,2025-Q1\n"))
    made = forecast(data, AS_OF, models, Asked(days=60, draws=300, by=("team_id",)))
    nobody = read_goals(table(tmp_path, "team_id,quarter,amount\nT-nobody,2025-Q1,5\n"))
    with pytest.raises(DataError, match="no deal of this team"):
        outlooks(made, nobody)
    far = read_goals(table(tmp_path, "team_id,quarter,amount\n(all),2025-Q4,5\n"))
    with pytest.raises(DataError, match="longer --horizon"):
        outlooks(made, far)
