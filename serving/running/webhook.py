"""MLflow's signed webhook (https://mlflow.org/docs/latest/ml/webhooks/).

The header `X-MLflow-Signature` is `v1,` and the base64 of HMAC-SHA256, under the webhook's secret, of
`<X-MLflow-Delivery-Id>.<X-MLflow-Timestamp>.<body>`, the timestamp in seconds since 1970.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from serving.problems import Problem, not_json

TOLERANCE_SECONDS = 300  # that a delivery may be old, or from the future; MLflow's own advice
_CHAMPION, _NAMES = "champion", "dealcast-"


def signature_of(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """The header that a delivery must carry."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def check_signature(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Raises Problem, 401, unless a delivery is signed with the secret and of these minutes.

    Args:
        now: microseconds.
    """
    given, delivery_id, timestamp = (
        headers.get(f"x-mlflow-{name}", "") for name in ("signature", "delivery-id", "timestamp")
    )
    expected = signature_of(secret, delivery_id, timestamp, body)
    signed = hmac.compare_digest(expected.encode(), given.encode())
    fresh = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16
    fresh = fresh and abs(now // 1_000_000 - int(timestamp)) <= TOLERANCE_SECONDS
    if not (signed and fresh):
        raise Problem(
            401, "not-signed", "The webhook is not signed",
            f"it must be signed with the secret of this server and not older than {TOLERANCE_SECONDS} s",
        )  # fmt: skip


def is_about_a_champion(body: bytes) -> bool:
    """Whether an event says that a model of ours has another champion. Raises Problem where it is no JSON."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise not_json(type(error).__name__) from None
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        return False
    data = event["data"]
    named = str(data.get("name", "")).startswith(_NAMES) and data.get("alias") == _CHAMPION
    return named and event.get("entity") == "model_version_alias"
