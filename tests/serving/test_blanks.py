"""No outer blank that `str.strip` knows is overlooked among many texts."""

from __future__ import annotations

import sys

from hypothesis import example, given
from hypothesis import strategies as st

from serving.blanks import may_have_outer_blanks

BLANKS = [sign for sign in map(chr, range(sys.maxunicode + 1)) if sign.isspace()]


def test_every_blank_is_seen_before_and_behind_a_text() -> None:
    assert len(BLANKS) > 20
    for blank in BLANKS:
        for text in (f"{blank}a", f"a{blank}", f"{blank}客", f"客{blank}", blank):
            assert may_have_outer_blanks(["a", text, "b"])
            assert may_have_outer_blanks([text])


@given(st.lists(st.text(st.characters(blacklist_categories=[]), min_size=1), max_size=8))
@example(["a\nb"])
@example(["\ud800"])
@example([])
def test_what_is_said_to_have_none_has_none(texts: list[str]) -> None:
    if not may_have_outer_blanks(texts):
        assert [text.strip() for text in texts] == texts


def test_usual_texts_are_not_suspected() -> None:
    assert not may_have_outer_blanks(
        ["C-00386", "Acme Corp, Köln", "客户名称", "Łódź", "日本語", "x" * 10_000]
    )
