"""Public holidays by country, from the `holidays` library."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date

from features.errors import ConfigError

HOLIDAY_YEARS = range(1995, 2051)  # others have none: calendars by the moon are not told further ahead


def holidays_of(locale: str) -> Sequence[date]:
    """The public holidays of a country, "DE" or with its part "DE-BY", sorted; none for ""."""
    if not locale:
        return ()
    import holidays

    country, _, part = locale.partition("-")
    with warnings.catch_warnings():  # of years for which a country's are not known: they have none
        warnings.simplefilter("ignore")
        return sorted(holidays.country_holidays(country, subdiv=part or None, years=HOLIDAY_YEARS))


def check_locale(locale: str, where: str) -> None:
    """Raises ConfigError for a country, or a part of one, whose holidays are not known."""
    import holidays

    country, _, part = locale.partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise ConfigError(f"{where}: holidays is {locale!r}; use an ISO code such as CN, US or DE-BY")
    if part and part not in known[country]:
        raise ConfigError(
            f"{where}: holidays names {part!r}, which is no part of {country}"
            f" (allowed: {', '.join(known[country]) or 'none'})"
        )
