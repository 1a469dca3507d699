"""The words of the pages: all there, in both languages, with the same figures in them."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Formatter

from serving.pages.render import NAVIGATION, TEMPLATES
from serving.pages.texts import TEXTS
from serving.pages.texts.notes import SENTENCES
from training.labels import TARGETS

ROOT = files("serving.pages")


def named(text: str) -> set[str]:
    """The places for values in a text."""
    return {name for _, name, _, _ in Formatter().parse(text.partition("|")[0]) if name is not None}


def test_every_text_is_in_both_languages_with_places_for_the_same_values() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert english.strip(), key
        assert chinese.strip(), key
        assert named(english) == named(chinese), key
        for part in english.split("|"):
            assert named(part) == named(english), key
        assert "|" not in chinese, key


def test_no_english_is_left_in_the_chinese_texts() -> None:
    allowed = r"dealcast|DATA|train|serve|study|ROC AUC|Brier|CRM|P\d\d|n|API|JSON"
    for key, (_, chinese) in TEXTS.items():
        bare = re.sub(r"\{\w*\}", "", chinese)
        assert not re.sub(allowed, "", " ".join(re.findall(r"[A-Za-z]+\d*", bare))).strip(), key


def test_every_text_that_a_template_names_exists() -> None:
    found = set()
    for template in (*TEMPLATES, "base", "macros", "team_macros"):
        source = (ROOT / "templates" / f"{template}.html").read_text("utf-8")
        found |= set(re.findall(r'\bt\("([a-z0-9_.]+[a-z0-9_])"[,)]', source))
        for prefix in re.findall(r'\bt\("([a-z0-9_.]+\.)" ~', source):
            assert any(key.startswith(prefix) for key in TEXTS), prefix
    assert found <= set(TEXTS)
    assert {f"nav.{link.page}" for link in NAVIGATION} <= set(TEXTS)


def test_every_reason_for_having_no_score_is_told_in_words_of_the_pages() -> None:
    known = " ".join(pattern for pattern, _, _ in SENTENCES)
    for target in TARGETS:
        assert f"there is no {target} model" in known
