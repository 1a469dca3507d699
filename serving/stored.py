"""Scores of a store's opportunities, each remembered with its receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from features.times import NEVER, iso
from serving.answers import answer, encoded
from serving.clock import now as clock_now
from serving.deals import Deal, Deals
from serving.histories import Histories
from serving.kept import Given, Kept, KeptAnswers, day_of, next_event, tag_of
from serving.pipeline import Pipeline
from serving.problems import Problem
from serving.scorer import Scorer, Scores
from serving.similar import Closed, similar_of
from serving.store.reading import StoredRows
from serving.store.receipt_writer import ReceiptWriter
from serving.store.receipts import Receipt
from serving.store.store import Store
from serving.whole import Following
from serving.wording import Language

_SHOWN = 50  # scores of one moment that are looked at: one for each set of models that gave it
_LAST = 2**62  # greater than each receipt's number


@dataclass(frozen=True)
class StoredScores:
    """A store, and what writes the receipts of the scores that are given from it."""

    store: Store
    receipts: ReceiptWriter
    deals: Deals
    following: Following
    kept: KeptAnswers = field(default_factory=KeptAnswers)

    @classmethod
    def of(cls, store: Store, kept_rows: int) -> StoredScores:
        return cls(store, ReceiptWriter(store.keep_receipts), Deals(store, kept_rows), Following(store))

    def rows_around(self, opportunity_id: str) -> StoredRows:
        """All that the store knows now of an opportunity and its account.

        Raises:
            UnknownEntity: the store has no such opportunity.
        """
        return self.deals.latest(opportunity_id, self.store.watermark())[1].rows

    @property
    def waits(self) -> bool:
        """Whether a score may wait: for a server's answer, or for room among the receipts."""
        return not self.store.is_local or self.receipts.is_full

    def score(self, scorer: Scorer, asked: Asked, today: bool, time_zone: str) -> Given:
        """An opportunity's score by what the store knows now, encoded.

        Args:
            asked: its `as_of` is now where `today` is true, and the day's score serves: one that was
                given since midnight, if since then no record came in, began to count or ended.
            time_zone: in which days end.

        Raises:
            UnknownEntity: the store has no such opportunity.
            StoreAway: the store does not answer, or cannot take the receipt.
        """
        now, when = asked.as_of, None if today else asked.as_of
        key = (asked.opportunity_id, when, asked.explain, asked.language, scorer.number)
        kept = self.kept.find(key, now if today else 0)
        mark = self.store.watermark()
        if kept is not None and kept.watermark == mark.seq:
            return kept.given
        mark, deal = self.deals.latest(asked.opportunity_id, mark)
        data, rows = deal.data, deal.rows
        if kept is not None and kept.data == data:
            self.kept.keep(key, replace(kept, watermark=mark.seq))
            return kept.given
        scores = _scores(scorer, deal.histories, asked)
        self.receipts.put(receipt_of(scores, mark.seq, clock_now()))
        body = encoded(answer(scores, 0, mark.received_at, asked.language))
        day, end = day_of(now, time_zone) if today else (str(when), NEVER)
        given = Given(body, tag_of(data, day, asked.explain, asked.language, scorer.versions))
        until = next_event(rows, now, end) if today else end
        self.kept.keep(key, Kept(given, mark.seq, data, now if today else 0, until))
        return given

    def similar(self, scorer: Scorer, closed: Closed, asked: Asked, limit: int) -> Given:
        """The closed deals most like an opportunity, which is as the store knows it now.

        Raises:
            UnknownEntity: the store has no such opportunity.
        """
        mark, deal = self.deals.latest(asked.opportunity_id, self.store.watermark())
        scores = _scores(scorer, deal.histories, asked)
        body = encoded(similar_of(closed, scores, mark.received_at, limit, asked.language))
        return Given(body, tag_of(mark.seq, asked, limit, scorer.versions))

    def promise(self, pipeline: Pipeline, page: Sequence[int]) -> None:
        """Keep the receipts of a page of the pipeline."""
        for i in page:
            self.receipts.put(receipt_of(pipeline.scores, pipeline.watermark or 0, clock_now(), i))

    def receipt(self, prediction_id: str) -> Receipt:
        """Raises UnknownPrediction where no such score was given."""
        self.receipts.flush()
        return self.store.receipt(prediction_id)

    def replay(self, scorer: Scorer, prediction_id: str, explain: bool, language: Language) -> dict[str, Any]:
        """The score of a receipt, made again from the records up to its watermark.

        Raises:
            UnknownPrediction: no such score was given.
            Problem: 409, a model that gave it is not served any more.
        """
        receipt = self.receipt(prediction_id)
        _check_models(scorer, receipt)
        asked = Asked(receipt.opportunity_id, receipt.as_of, explain, language)
        rows = self.store.around(asked.opportunity_id, receipt.watermark)
        scores = _scores(scorer, Deal(rows, receipt.watermark).histories, asked)
        again = receipt_of(scores, receipt.watermark, receipt.given_at)
        return {
            "prediction_id": prediction_id,
            "same": again == receipt,
            "receipt": receipt_answer(receipt),
            "score": answer(scores, 0, None, language),
        }

    def history(self, opportunity_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
        """The scores given of an opportunity, the latest `as_of` first, and where the next page begins."""
        self.receipts.flush()
        found = self.store.scores_of(opportunity_id, limit, None if cursor is None else _place(cursor))
        full = len(found) == limit
        return {
            "scores": [receipt_answer(receipt) for _, receipt in found],
            "next": f"{found[-1][1].as_of}.{found[-1][0]}" if full else None,
        }

    def shown_by(self, opportunity_id: str, as_of: int) -> Sequence[Receipt]:
        """Scores given last as of a moment or before it, the latest `as_of` first, then the last given."""
        self.receipts.flush()
        found = self.store.scores_of(opportunity_id, _SHOWN, (as_of, _LAST))
        return [receipt for _, receipt in found]

    def close(self) -> None:
        """Write the receipts that wait, and let go of the store."""
        self.receipts.close()
        self.store.close()


@dataclass(frozen=True)
class Asked:
    """A question: which opportunity, when (microseconds), and how it is to be answered."""

    opportunity_id: str
    as_of: int
    explain: bool
    language: Language


def receipt_of(scores: Scores, watermark: int, given_at: int, i: int = 0) -> Receipt:
    """The receipt of one score."""
    targets = scores.targets.items()
    return Receipt(
        scores.prediction_id(i),
        scores.opportunity_ids[i],
        int(scores.as_of[i]),
        given_at,
        watermark,
        {t: None if s.abstained[i] is not None else float(s.probability[i]) for t, s in targets},
        {t: s.model.version if s.model else None for t, s in targets} | {"close": scores.close_version},
        {t: s.model.bundle.encoding.hash if s.model else None for t, s in targets},
        {t: s.abstained[i] for t, s in targets},
    )


def receipt_answer(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the API gives it."""
    return {
        "prediction_id": receipt.prediction_id,
        "opportunity_id": receipt.opportunity_id,
        "as_of": iso(receipt.as_of),
        "given_at": iso(receipt.given_at),
        "watermark": receipt.watermark,
        "probabilities": dict(receipt.probabilities),
        "models": dict(receipt.models),
        "feature_hashes": dict(receipt.features),
        "abstained": dict(receipt.abstained),
    }


def _scores(scorer: Scorer, histories: Histories, asked: Asked) -> Scores:
    return scorer.score(histories, [asked.opportunity_id], np.array([asked.as_of]), explain=asked.explain)


def _check_models(scorer: Scorer, receipt: Receipt) -> None:
    served: dict[str, Any] = {str(target): model for target, model in scorer.models.items()}
    if scorer.close is not None:
        served["close"] = scorer.close
    models = receipt.models.items()
    gone = [target for target, version in models if not _is_served(target, version, served, receipt)]
    if gone:
        said = ", ".join(f"{target} {receipt.models[target] or 'without a model'}" for target in gone)
        raise Problem(
            409, "model-gone", "A model of this score is not served any more",
            f"the score was given by {said}, which this server does not have; fetch that version"
            " (`dealcast pull OUT --alias VERSION`) and serve it with --bundles OUT --no-fetch",
        )  # fmt: skip


def _is_served(target: str, version: str | None, served: Mapping[str, Any], receipt: Receipt) -> bool:
    """Whether a score's model of a target, or of when, is the one that is served; or neither has one."""
    model = served.get(target)
    if model is None or version is None:
        return model is None and version is None
    features = str(model.bundle.encoding.hash)
    return str(model.version) == version and receipt.features.get(target, features) == features


def _place(cursor: str) -> tuple[int, int]:
    as_of, dot, seq = cursor.partition(".")
    if not (dot and seq.isdigit() and as_of.lstrip("-").isdigit()) or max(len(as_of), len(seq)) > 18:
        raise Problem(
            422,
            "invalid-request",
            "The request is not valid",
            "cursor: take it from `next` of the page before",
        )
    return int(as_of), int(seq)
