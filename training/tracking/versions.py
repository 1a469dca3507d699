"""A version named by what was known to it."""

from __future__ import annotations

import re
from typing import Any

from features.times import iso, parse_instant
from training.errors import TrackingError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_cutoff(named: str) -> bool:
    """Whether the name of a version begins as a time."""
    return _DATE.match(named) is not None


def trained_as_of(client: Any, model: str, named: str, uri: str) -> str | None:
    """The newest version of a registered model whose cut-off is a time; None where no time is named.

    Args:
        named: ISO 8601, e.g. `2024-06-30`; without an offset in UTC.
        uri: of the store, for messages; without a password.

    Raises:
        DataError: it begins as a time and is none.
        TrackingError: no version has this cut-off.
    """
    if not is_cutoff(named):
        return None
    wanted = iso(parse_instant(named, name="the version's cut-off"))
    cutoffs = {}
    for version in client.search_model_versions(f"name = '{model}'"):
        params = client.get_run(version.run_id).data.params if version.run_id else {}
        cutoffs[int(version.version)] = params.get("cutoff")
    found = [number for number, cutoff in cutoffs.items() if cutoff == wanted]
    if not found:
        has = ", ".join(f"v{number} of {cutoff}" for number, cutoff in sorted(cutoffs.items()) if cutoff)
        raise TrackingError(
            f"tracking store {uri} has no {model} with the cut-off {wanted} (it has {has or 'none'});"
            f" train one with --as-of {named}"
        )
    return str(max(found))
