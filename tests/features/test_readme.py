"""features/README.md says what the code does: every feature, every rule, every key."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from features.catalog import FEATURES
from features.config import PipelineConfig
from features.dictionary import BEGIN, END, README, dictionary, main, row_of, with_dictionary
from features.rules import rules_of
from features.tables import TABLES

TEXT = README.read_text(encoding="utf-8")


def test_the_dictionary_is_that_of_the_catalogue() -> None:
    assert with_dictionary(TEXT) == TEXT, "run `python -m features.dictionary --write`"


def test_the_dictionary_has_a_row_for_every_feature_with_all_that_is_said_of_it() -> None:
    for feature in (feature for features in FEATURES.values() for feature in features):
        cells = row_of(feature)
        said = (
            f"`{feature.name}`",
            feature.unit,
            feature.behaviour,
            feature.en,
            feature.zh,
            feature.definition,
        )
        assert set(said) <= {*cells, ""}
        assert ("yes" if feature.actionable else "no") in cells
        assert f"| {' | '.join(cells)} |\n" in dictionary()


def test_what_drifted_is_made_anew_and_the_rest_is_kept() -> None:
    drifted = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert with_dictionary(drifted) == f"above\n{BEGIN}\n\n{dictionary()}\n{END}\nbelow\n"


@pytest.mark.parametrize("text", ["", BEGIN, END])
def test_a_readme_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a marker of the dictionary is missing"):
        with_dictionary(text)


def test_the_script_prints_the_dictionary_and_refuses_what_it_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [sys.executable, "-X", "utf8", "-m", "features.dictionary"]
    printed = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    assert printed.stdout == dictionary() + "\n"
    assert main(["--wirte"]) == 2
    assert "usage" in capsys.readouterr().err


def test_every_rule_of_quality_is_explained() -> None:
    deals = pl.Series(["d"])
    rules = {rule.name for table in TABLES.values() for rule in rules_of(table, deals)}
    for name in rules | {"malformed_row", "repeated_key"}:
        assert f"`{name}`" in TEXT, name


def test_every_key_of_pipeline_toml_is_named() -> None:
    for name in PipelineConfig.__dataclass_fields__:
        assert f"`{name}`" in TEXT, name
