"""What the routes ask: models, a data set if there is one, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from features.errors import UnknownEntity
from features.times import parse_instant
from serving import records
from serving.answers import answer
from serving.clock import now
from serving.histories import Histories, of_rows
from serving.problems import Problem, invalid, not_json
from serving.schemas import ScoreRequest, latest_known, rows_of
from serving.scorer import Scorer
from serving.settings import Settings
from serving.stored import Asked, StoredScores, receipt_answer
from serving.wording import Language


@dataclass(frozen=True)
class Source:
    """A data set that is served by id; `watermark` is up to when it knows, in microseconds."""

    histories: Histories
    watermark: int


@dataclass(frozen=True)
class Service:
    """Everything a server process holds; nothing in it changes while it serves."""

    scorer: Scorer
    source: Source | None
    settings: Settings
    scores: StoredScores | None = None

    @property
    def time_zone(self) -> str:
        """In which times without an offset are read: that of the data the models learnt from."""
        return next((m.bundle.conventions.time_zone for m in self.scorer.models.values()), "UTC")

    def parsed(self, body: bytes) -> ScoreRequest:
        """A request body; raises Problem where it is no JSON (400) or not of the shape (422)."""
        try:
            request = ScoreRequest.model_validate_json(body, context={"time_zone": self.time_zone})
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                raise not_json(str(error.errors()[0]["ctx"]["error"])) from None
            raise invalid(error) from None
        most = self.settings.max_opportunities
        if len(request.opportunities) > most:
            raise Problem(
                422, "too-many-opportunities", "Too many opportunities",
                f"{len(request.opportunities)} opportunities, at most {most} are taken in one call",
            )  # fmt: skip
        return request

    def score_posted(self, request: ScoreRequest, language: Language) -> dict[str, Any]:
        """Scores of posted histories, in the same order; nothing is kept."""
        as_of = now() if request.as_of is None else request.as_of
        for place, opportunity in enumerate(request.opportunities):
            _check_close(dict(opportunity), place)
        scores = [self._posted(o, as_of, request.explain, language) for o in request.opportunities]
        return {"scores": scores}

    def score_stored(
        self, opportunity_id: str, as_of: str | None, explain: bool, language: Language
    ) -> dict[str, Any]:
        """The score of an opportunity: of the store, by default as of now; or of the folder that is
        served, by default as of its watermark, for what a folder knows ends there."""
        if self.scores is not None:
            when = now() if as_of is None else parse_instant(as_of, self.time_zone)
            return self.scores.score(self.scorer, Asked(opportunity_id, when, explain, language), now())
        if self.source is None:
            raise Problem(
                404, "no-data-set", "No data set is served",
                "start the server with one (`dealcast serve DATA`), or post histories to /v1/scores",
            )  # fmt: skip
        when = self.source.watermark if as_of is None else parse_instant(as_of, self.time_zone)
        mine = self.source.histories.of_opportunity(opportunity_id)
        try:
            scores = self.scorer.score(mine, [opportunity_id], np.array([when]), explain=explain)
        except UnknownEntity:
            raise UnknownEntity("the data set has no opportunity of this id") from None
        return answer(scores, 0, self.source.watermark, language)

    def stored(self) -> StoredScores:
        """The store's scores. Raises Problem where no store is served."""
        if self.scores is None:
            raise Problem(
                404, "no-store", "No store is served",
                "a folder is served, or nothing; start the server with a store (`dealcast serve`)",
            )  # fmt: skip
        return self.scores

    def keep_records(self, body: bytes, key: str | None) -> str:
        """The answer, as JSON, to a body of records, which are on the disk when it is given."""
        return records.keep(self.stored().store, body, key, now, self.time_zone)

    def receipt(self, prediction_id: str) -> dict[str, Any]:
        """The receipt of a score that was given from the store."""
        return receipt_answer(self.stored().receipt(prediction_id))

    def replay(self, prediction_id: str, explain: bool, language: Language) -> dict[str, Any]:
        """A score that was given from the store, made again."""
        return self.stored().replay(self.scorer, prediction_id, explain, language)

    def close(self) -> None:
        """Write the receipts that wait, and let go of the store."""
        if self.scores is not None:
            self.scores.close()

    def models(self) -> list[dict[str, Any]]:
        """The models this process scores with, and how they did on a forward test."""
        return [_described(target, model) for target, model in self.scorer.models.items()]

    def _posted(
        self, opportunity: BaseModel, as_of: int, explain: bool, language: Language
    ) -> dict[str, Any]:
        rows = rows_of(opportunity)
        mine = [rows["opportunities"][0]["opportunity_id"]]
        scores = self.scorer.score(of_rows(rows), mine, np.array([as_of]), explain=explain)
        return answer(scores, 0, latest_known(rows), language)


def _check_close(deal: Mapping[str, Any], place: int) -> None:
    """What the cleaning of a data set quarantines of opportunities is refused here."""
    closed_at = deal["closed_at"]
    wrong = ""
    if (closed_at is None) != (deal["outcome"] is None):
        wrong = "closed_at and outcome are given together, or neither while it is open"
    elif closed_at is not None and closed_at < deal["created_at"]:
        wrong = "closed_at lies before created_at"
    if wrong:
        at = f"opportunities.{place}.closed_at"
        errors = ({"at": at, "message": wrong},)
        raise Problem(
            422, "invalid-request", "The request is not valid", f"1 error, first {at}: {wrong}", errors
        )


def _described(target: str, model: Any) -> dict[str, Any]:
    bundle = model.bundle
    return {
        "target": target,
        "version": model.version,
        "feature_hash": bundle.encoding.hash,
        "base_rate": bundle.centre.base_rate,
        "reliability": [row.to_dict() for row in bundle.reliability],
        "cutoff": bundle.manifest["cutoff"],
        "metrics": bundle.manifest["metrics"],
        "rung": bundle.rung,
        "given_stage": bundle.policy.win_given_stage or None,
    }
