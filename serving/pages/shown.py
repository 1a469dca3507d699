"""How figures look on a page: the one place where numbers and times become text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from features.times import from_micros, parse_instant
from serving.pages.texts import text, told
from serving.wording import Language, behaviour_name, reason_text
from training.explain import percent

_NOTHING = "–"
_MINUS = "−"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True)
class Shown:
    """Figures and texts as a reader of a language in a time zone sees them."""

    language: Language = "en"
    time_zone: str = "UTC"

    @property
    def chinese(self) -> bool:
        """Whether the reader reads Chinese."""
        return self.language == "zh-CN"

    @property
    def gap(self) -> str:
        """What stands between two sentences."""
        return "" if self.chinese else " "

    def text(self, key: str, **values: object) -> str:
        """A text of the pages; see `texts.text`."""
        return text(key, self.language, **values)

    def told(self, sentence: str) -> str:
        """A sentence of the service's own; see `texts.told`."""
        return told(sentence, self.language)

    def percent(self, whole: int | None) -> str:
        """A whole percent: 64%.

        >>> Shown().percent(64), Shown().percent(None)
        ('64%', '–')
        """
        return _NOTHING if whole is None else f"{whole}%"

    def share(self, value: float | None) -> str:
        """A probability or share as a whole percent, halves upwards as everywhere.

        >>> Shown().share(0.125), Shown().share(None)
        ('13%', '–')
        """
        return _NOTHING if value is None else f"{percent(value)}%"

    def points(self, whole: int) -> str:
        """Whole percentage points with their sign.

        >>> Shown().points(8), Shown().points(-3), Shown().points(0)
        ('+8', '−3', '0')
        """
        return f"{_MINUS if whole < 0 else '+' if whole else ''}{abs(whole)}"

    def gain(self, value: float | None) -> str:
        """A difference of probabilities in percentage points, with one decimal.

        >>> Shown().gain(0.0312), Shown().gain(-0.004), Shown().gain(0.0001), Shown().gain(None)
        ('+3.1', '−0.4', '0.0', '–')
        """
        if value is None:
            return _NOTHING
        size = f"{abs(value) * 100:.1f}"
        return size if size == "0.0" else f"{_MINUS if value < 0 else '+'}{size}"

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with separators.

        >>> Shown().number(25200.0), Shown().number(None)
        ('25,200', '–')
        """
        return _NOTHING if value is None else f"{value:,.{digits}f}".replace("-", _MINUS)

    def measured(self, value: float | None, unit: str) -> str:
        """A feature's value with its unit, as the study's own sentences say it.

        >>> Shown().measured(30.2, "hours"), Shown().measured(0.256, "share"), Shown().measured(2.34, "count")
        ('30 h', '26%', '2.3')
        """
        if value is None or unit == "share":
            return self.share(value)
        plain = self.number(value, 1 if abs(value) < 10 else 0)
        return self.text(f"unit.{unit}", value=plain) if unit in ("hours", "s") else plain

    def money(self, value: float | None, currency: str | None = None) -> str:
        """An amount in whole units; the currency's code where it is known.

        >>> Shown().money(25200.4, "EUR"), Shown("zh-CN").money(25200.4)
        ('25,200 EUR', '25,200')
        """
        plain = self.number(value)
        return plain if currency is None or value is None else f"{plain} {currency}"

    def short_money(self, value: float) -> str:
        """An amount at a glance, with three digits.

        >>> Shown().short_money(3788702.6), Shown("zh-CN").short_money(3788702.6), Shown().short_money(950.0)
        ('3.79M', '379万', '950')
        """
        steps = ((1e8, "亿"), (1e4, "万")) if self.chinese else ((1e9, "B"), (1e6, "M"), (1e3, "k"))
        for size, name in steps:
            if abs(value) >= size:
                return f"{_three(value / size)}{name}"
        return self.number(value)

    def date(self, instant: str | None) -> str:
        """The day of an ISO 8601 instant in the reader's time zone.

        >>> Shown().date("2025-06-29T23:41:01Z"), Shown("zh-CN", "Asia/Shanghai").date("2025-06-29T23:41:01Z")
        ('29 Jun 2025', '2025年6月30日')
        """
        return _NOTHING if instant is None else self._day(self._local(instant))

    def moment(self, instant: str | None) -> str:
        """The day and minute of an ISO 8601 instant.

        >>> Shown().moment("2025-06-29T23:41:01Z")
        '29 Jun 2025, 23:41 UTC'
        """
        if instant is None:
            return _NOTHING
        at = self._local(instant)
        gap = " " if self.chinese else ", "
        return f"{self._day(at)}{gap}{at:%H:%M} {at.tzname()}"

    def period(self, kind: str, begin: str, end: str) -> str:
        """A period's name; `end` is exclusive.

        >>> Shown().period("week", "2025-06-30T00:00:00Z", "2025-07-07T00:00:00Z")
        '30 Jun – 6 Jul'
        >>> Shown("zh-CN").period("quarter", "2025-07-01T00:00:00Z", "2025-10-01T00:00:00Z")
        '2025年第3季度'
        """
        first, last = self._local(begin), self._local(end) - timedelta(days=1)
        if kind == "quarter":
            quarter = (first.month + 2) // 3
            return f"{first.year}年第{quarter}季度" if self.chinese else f"Q{quarter} {first.year}"
        if kind == "month":
            return (
                f"{first.year}年{first.month}月"
                if self.chinese
                else f"{_MONTHS[first.month - 1]} {first.year}"
            )
        if self.chinese:
            return f"{first.month}月{first.day}日–{last.month}月{last.day}日"
        if first.month == last.month:
            return f"{first.day} – {last.day} {_MONTHS[last.month - 1]}"
        return f"{first.day} {_MONTHS[first.month - 1]} – {last.day} {_MONTHS[last.month - 1]}"

    def threshold(self, rule: str, value: float) -> str:
        """From when on a rule of alerts speaks, in its own unit.

        >>> Shown().threshold("dwell", 1.84), Shown().threshold("score_drop", 0.4)
        ('from 1.8 times the usual on', 'from 40% of the probability lost on')
        """
        return self.text(
            f"alerts.from.{rule}",
            share=self.share(value),
            times=self.number(value, 1),
            n=self.number(value),
        )

    def behaviour(self, name: str) -> str:
        """A behaviour group's name, as a line begins."""
        spoken = behaviour_name(name, self.language)
        return spoken if spoken.isupper() else spoken[:1].upper() + spoken[1:]

    def evidence(self, reason: str, behaviour: str, percent_points: int) -> str:
        """What a reason's line says after its name and points."""
        head = reason_text(behaviour, percent_points, [], self.language)
        return reason.removeprefix(head).lstrip(":： ")

    def sentence(self, words: str) -> str:
        """Words with a capital letter first."""
        return words[:1].upper() + words[1:]

    def records(self, counts: dict[str, int]) -> str:
        """What came in, in words; empty where nothing did."""
        order: Sequence[str] = (
            "activities", "stage_changes", "field_changes", "orders", "contacts", "leads", "opportunities",
        )  # fmt: skip
        said = [
            self.text(f"deal.records.{name}", n=counts[name]) for name in order if counts.get(name, 0) > 0
        ]
        return self.text("deal.records.and").join(said)

    def _local(self, instant: str) -> datetime:
        return from_micros(parse_instant(instant)).astimezone(ZoneInfo(self.time_zone))

    def _day(self, at: datetime) -> str:
        if self.chinese:
            return f"{at.year}年{at.month}月{at.day}日"
        return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _three(value: float) -> str:
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}".replace("-", _MINUS)
