"""What one family tells the next of each snapshot: the columns of the matrix `told`, NaN where unknown."""

from __future__ import annotations

(
    STAGE_SINCE, STAGE, DAYS_IN_STAGE, AGE_DAYS, AMOUNT, KIND, SOURCE, PRODUCT, REP, INDUSTRY, REACHED,
) = range(11)  # fmt: skip
TOLD = 11
