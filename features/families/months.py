"""Civil months from local days, within kernels; after Howard Hinnant's `chrono`-compatible algorithms."""

from __future__ import annotations

from features.compiled import compiled
from features.times import DAY


@compiled()
def month_of(local: int) -> int:
    """Months since 1970-01 of a local wall time in microseconds (Hinnant's civil_from_days)."""
    shifted = local // DAY + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153  # 0 is March
    return int((era * 400 + year_of_era - 1970) * 12 + month + 2)


@compiled()
def month_start(month: int) -> int:
    """The local wall time at which a month since 1970-01 begins (Hinnant's days_from_civil)."""
    year, of_year = 1970 + month // 12, month % 12 + 1
    year -= of_year <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((of_year + 9) % 12) + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return int((era * 146_097 + day_of_era - 719_468) * DAY)
