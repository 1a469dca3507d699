"""The words of the pages, each in English and in Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from serving.pages.texts import alerts, common, deal, forecast, models, notes, pipeline, similar, team, week
from serving.wording import Language

Pair = tuple[str, str]

TEXTS: Mapping[str, Pair] = MappingProxyType(
    {
        name: pair
        for part in (common, pipeline, week, alerts, deal, similar, forecast, team, models)
        for name, pair in part.TEXTS.items()
    }
)


def text(key: str, language: Language, **values: object) -> str:
    """A text with its values filled in; of "one|many" the part that fits `n`.

    Raises:
        KeyError: there is no such text.

    >>> text("pipeline.shown", "en", n=1), text("pipeline.shown", "en", n=20)
    ('1 deal on this page', '20 deals on this page')
    """
    found = TEXTS[key][language == "zh-CN"]
    one, bar, many = found.partition("|")
    if bar:
        found = one if values.get("n") in (1, "1") else many
    return found.format_map(values)


def told(sentence: str, language: Language) -> str:
    """A sentence of the service's own, such as why there is no score, politely and in the reader's language;
    as it is where it is not known here.

    >>> told("the account has no order yet", "zh-CN")
    '该客户尚无订单，因此暂不给出流失风险'
    """
    bare = re.sub(r"^(since|until): ", "", sentence)
    for pattern, *pair in notes.SENTENCES:
        found = re.fullmatch(pattern, bare)
        if found:
            return pair[language == "zh-CN"].format(*found.groups())
    return bare
