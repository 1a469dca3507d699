"""The columns of the dated reference's rows, in order."""

from __future__ import annotations

STATISTICS = (
    "closed", "won", "seconds", "amount_cents", "amounts", "open", "records", "prompt", "reps",
)  # fmt: skip
CLOSED, WON, SECONDS, CENTS, AMOUNTS, OPEN, RECORDS, PROMPT, REPS = range(len(STATISTICS))
