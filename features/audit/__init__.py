"""Proof, on a firm's own data, that no feature sees the future; and what else may leak.

`audit` asks three things of a data set. *Tampering*: at some moments, all that became known later
is deleted, changed, added to, corrected, merged and shuffled, and every feature must stay equal to
the bit. *Contradiction*: a column read as fixed must agree with its own history of changes, and
with an earlier export. *Suspicion*: what single features, records told after the close and missing
clocks say of how the CRM is kept. The first two prove a leak; the third names what to look at.

Reports hold keys, counts and the names of columns, never what the CRM holds in them.
"""

from features.audit.export import Export
from features.audit.report import AuditReport, LeakFound
from features.audit.run import audit

__all__ = ["AuditReport", "Export", "LeakFound", "audit"]
