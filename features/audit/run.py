"""`audit`: the whole of it."""

from __future__ import annotations

import numpy as np

from features.audit.contradiction import contradictions
from features.audit.earlier import against_earlier
from features.audit.export import Export
from features.audit.findings import Finding
from features.audit.lift import Closed, Lift, closed_deals, feature_lifts, further_columns, suspicious
from features.audit.moments import moments_of
from features.audit.proof import Progress, compare
from features.audit.report import AuditReport
from features.audit.suspects import clocks, marks_of_an_outcome, told_after_the_close, without_history
from features.canonical import CanonicalData
from features.errors import DataError


def audit(
    export: Export,
    *,
    snapshots: int = 200,
    moments: int = 5,
    seed: int = 0,
    earlier: Export | None = None,
    progress: Progress = lambda _: None,
) -> AuditReport:
    """Whether any feature of these data sees the future, and what else may leak.

    Args:
        export: the data, and what their cleaning put into quarantine.
        snapshots: at most so many are compared in all.
        moments: after so many moments the future is changed.
        seed: of all that is drawn; the same seed and data give the same report.
        earlier: an earlier export of the same CRM.
        progress: told what is done next.

    Raises:
        DataError: there is nothing to compare, or `earlier` is later than the data.
    """
    data = export.data
    chosen = moments_of(data, moments, snapshots, np.random.default_rng([seed, 0]))
    if not chosen:
        raise DataError(
            "nothing to compare: at none of the moments was an opportunity open or an account ordering; "
            "check created_at and closed_at of opportunities, or ask for more --moments"
        )
    findings: list[Finding] = []
    if earlier is not None:
        progress("against the earlier export")
        findings.extend(against_earlier(export, earlier))
    comparisons = compare(data, chosen, seed, progress)
    progress("fixed columns against their history")
    findings.extend(contradictions(data))
    progress("each feature alone")
    deals = closed_deals(data)
    lifts, too_good = _lifts(data, deals, np.random.default_rng([seed, 1]))
    findings.extend(too_good)
    progress("records told after the close")
    for look in (told_after_the_close, marks_of_an_outcome, clocks, without_history):
        findings.extend(look(data))
    closed = int(deals.won.sum()), int((~deals.won).sum())
    return AuditReport(seed, chosen, comparisons, lifts, closed, tuple(findings))


def _lifts(
    data: CanonicalData, deals: Closed, rng: np.random.Generator
) -> tuple[tuple[Lift, ...], list[Finding]]:
    """What every feature says alone, and what says too much; nothing where too few deals are closed."""
    if not deals.enough:
        return (), []
    lifts = feature_lifts(data, deals, rng)
    return lifts, [*suspicious(lifts), *further_columns(data, deals, rng)]
