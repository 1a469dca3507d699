"""What the routes ask: models, a data set if there is one, and answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from features.errors import DataError
from features.history import text_array
from features.times import IntArray, iso, parse_instant
from serving import alerts, bookings, priorities, records, what_if
from serving.answers import answer, encoded
from serving.around import Records, of_stored
from serving.changes import Window, changes_of, targets_of
from serving.clock import now
from serving.drift import drift_in
from serving.histories import of_rows
from serving.kept import Given, Made, tag_of
from serving.pipeline import Pipeline, Wanted
from serving.posted import Posted, PostedDeal, posted_of
from serving.problems import Problem, invalid, not_json, unfit
from serving.schemas import ScoreRequest, latest_known, rows_of
from serving.scorer import Scorer, Scores, scored_one
from serving.settings import Settings
from serving.similar import similar_of
from serving.store.errors import StoreAway
from serving.stored import Asked, StoredScores, receipt_answer
from serving.study import NO_STUDY, Study, StudyDamaged, study_in
from serving.summary import summary_of
from serving.whole import Whole, no_data_set
from serving.wording import Language
from training.errors import BundleError
from training.labels import Target

log = logging.getLogger("dealcast.serving")

_AROUNDS = 64  # deals whose records are kept at hand: a page asks for them several times
_BOARDS, _WEEKS = 2, 32  # that are kept


@dataclass(frozen=True)
class Service:
    """Everything a server process holds; nothing in it changes while it serves."""

    scorer: Scorer
    source: Whole | None
    settings: Settings
    scores: StoredScores | None = None
    arounds: Made[Records] = field(default_factory=lambda: Made(_AROUNDS))
    boards: Made[alerts.Board] = field(default_factory=lambda: Made(_BOARDS))
    weeks: Made[priorities.Week] = field(default_factory=lambda: Made(_WEEKS))
    usual: Made[priorities.Usual] = field(default_factory=Made)

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
        self._check_count(len(request.opportunities))
        return request

    def score_posted(self, body: bytes, language: Language) -> bytes:
        """Scores of posted histories, in the same order, encoded; nothing is kept.

        Raises:
            Problem: the body is no JSON (400), or not of the shape (422).
        """
        posted = self._read(body)
        as_of = now() if posted.as_of is None else posted.as_of
        scores = self._scores_of(posted, np.full(len(posted.deals), as_of, np.int64))
        answers = [answer(scores, i, deal.known, language) for i, deal in enumerate(posted.deals)]
        return encoded({"scores": answers})

    def _scores_of(self, posted: Posted, instants: IntArray) -> Scores:
        histories = [of_rows(each) for each in posted.histories]
        if len(histories) > 1:
            return self.scorer.score_each(histories, posted.names, instants, explain=posted.explain)
        scores = self.scorer.score(histories[0], posted.names, instants, explain=posted.explain)
        if not posted.mark_length:
            return scores
        accounts = [name[posted.mark_length :] for name in scores.account_ids.tolist()]
        ids = [deal.opportunity_id for deal in posted.deals]
        return replace(scores, opportunity_ids=ids, account_ids=text_array(accounts))

    def _read(self, body: bytes) -> Posted:
        """A body's histories; a usual one is not read by pydantic, unless models read further columns."""
        further = any(model.bundle.conventions.custom for model in self.scorer.models.values())
        posted = None if further else posted_of(body)
        if posted is None:
            request = self.parsed(body)
            each = [rows_of(opportunity) for opportunity in request.opportunities]
            deals = [_deal_of(rows) for rows in each]
            ids = [deal.opportunity_id for deal in deals]
            posted = Posted(request.as_of, request.explain, deals, each, ids)
        self._check_count(len(posted.deals))
        for place, deal in enumerate(posted.deals):
            _check_close(deal, place)
        return posted

    def _check_count(self, count: int) -> None:
        most = self.settings.max_opportunities
        if count > most:
            raise Problem(
                422, "too-many-opportunities", "Too many opportunities",
                f"{count} opportunities, at most {most} are taken in one call",
            )  # fmt: skip

    @property
    def waits(self) -> bool:
        """Whether a score by id may wait for something; where not, it takes about a millisecond."""
        return self.scores is not None and self.scores.waits

    def score_stored(
        self, opportunity_id: str, as_of: str | None, explain: bool, language: Language
    ) -> Given:
        """The score of an opportunity: of the store, by default as of now; or of the folder that is
        served, by default as of its watermark, for what a folder knows ends there."""
        if self.scores is not None:
            when = now() if as_of is None else parse_instant(as_of, self.time_zone)
            asked = Asked(opportunity_id, when, explain, language)
            return self.scores.score(self.scorer, asked, as_of is None, self.time_zone)
        if self.source is None:
            raise no_data_set()
        source, when = self.whole_at(as_of)
        scores = scored_one(self.scorer, source.histories, opportunity_id, when, explain=explain)
        tag = tag_of(source.mark, opportunity_id, when, explain, language, self.scorer.versions)
        return Given(encoded(answer(scores, 0, source.known, language)), tag)

    def pipeline(self, wanted: Wanted, as_of: str | None, language: Language) -> Given:
        """A page of the open deals with their scores; of the store each with its receipt."""
        found = self.pipeline_at(as_of)
        page, following = found.page(wanted)
        if self.scores is not None:
            self.scores.promise(found, page)
        body = {"as_of": iso(found.as_of), "opportunities": found.answers(page, language), "next": following}
        return Given(encoded(body), tag_of(found.tag, wanted, language))

    def summary(self, wanted: Wanted, as_of: str | None) -> Given:
        """The same deals in a few figures; see `summary_of`."""
        found = self.pipeline_at(as_of)
        body = {"as_of": iso(found.as_of), **summary_of(found, wanted)}
        return Given(encoded(body), tag_of(found.tag, wanted.rep_id, wanted.team_id))

    def whole_at(self, as_of: str | None) -> tuple[Whole, int]:
        """What is served, whole, and the asked moment (microseconds): by default now, or the folder's
        watermark.

        Raises:
            Problem: 404 where nothing is served by id.
        """
        when = None if as_of is None else parse_instant(as_of, self.time_zone)
        whole = self.source if self.scores is None else self.scores.following.latest(self.prepare)
        if whole is None:
            raise no_data_set()
        return whole, self._moment_in(whole) if when is None else when

    def pipeline_at(self, as_of: str | None) -> Pipeline:
        """Every open deal, scored: by default as of today, or of the folder's watermark."""
        whole, when = self.whole_at(as_of)
        return whole.pipeline(self.scorer, when)

    def prepare(self, whole: Whole) -> None:
        """Make what pages need of a whole: its pipeline, the alerts, the forecasts that are offered.

        What cannot be made is told to who asks for it; here it is passed over.
        """
        moment = self._moment_in(whole)
        pipeline = whole.pipeline(self.scorer, moment)
        bases = [(by, bookings.HORIZON) for by in bookings.SPLITS]
        questions = [*bases, *(("", days) for days in bookings.HORIZONS)]
        makings: list[Callable[[], object]] = [
            lambda: self._board(whole, pipeline, study_in(self.settings.bundles)),
            lambda: [self._forecast(whole, moment, bookings.question_of(*each)) for each in questions],
            lambda: whole.closed_deals(self.scorer),
            lambda: self._week(whole, pipeline, priorities.Question(pipeline.some_rep)),
        ]
        for make in makings:
            try:
                make()
            except (Problem, DataError, BundleError) as error:
                log.info("not made beforehand: %s", type(error).__name__)

    def _board(self, whole: Whole, pipeline: Pipeline, study: Study) -> alerts.Board:
        def make() -> alerts.Board:
            return alerts.board_of(self.scorer, whole.histories, pipeline, study)

        return self.boards.of((pipeline.tag, study.mark), make)

    def _week(self, whole: Whole, pipeline: Pipeline, asked: priorities.Question) -> priorities.Week:
        def usual() -> priorities.Usual:
            return self.usual.of((pipeline.tag,), lambda: priorities.usual_of(whole.tables, pipeline.as_of))

        def make() -> priorities.Week:
            return priorities.week_of(self.scorer, lambda: whole.index, usual, pipeline, asked)

        return self.weeks.of((pipeline.tag, asked), make)

    def keep_up(self) -> None:
        """Let a large store's whole follow its records, though nobody asks for it."""
        if self.scores is not None:
            with suppress(StoreAway):  # who asks is told
                self.scores.following.keep_up(self.prepare, self.time_zone)

    def _moment_in(self, whole: Whole) -> int:
        """The moment of which is spoken where none is asked for."""
        return whole.today(self.time_zone) if self.scores is not None else whole.known or 0

    def forecast(self, asked: bookings.Question, as_of: str | None, since: str | None = None) -> Given:
        """The bookings to come: of the store as of today, or of the folder as of its watermark.

        Raises:
            BundleError: a model that a forecast needs is missing.
            Problem: 404 where nothing is served; see `bookings.forecast_of` too.
        """
        if since is not None:
            asked = replace(asked, since=parse_instant(since, self.time_zone, name="since"))
        whole, when = self.whole_at(as_of)
        return self._forecast(whole, when, asked)

    def _forecast(self, whole: Whole, moment: int, asked: bookings.Question) -> Given:
        settings = self.settings
        beside = bookings.beside_of(settings.bundles, settings.data, settings.targets)
        return whole.forecast(self.scorer, moment, asked, beside)

    def similar(self, opportunity_id: str, as_of: str | None, limit: int, language: Language) -> Given:
        """The closed deals most like an opportunity, by default as of now, or as of the folder's watermark.

        Raises:
            UnknownEntity: there is no such opportunity.
            Problem: 404 where nothing is served by id.
        """
        whole, _ = self.whole_at(None)
        closed = whole.closed_deals(self.scorer)
        if self.scores is not None:
            when = now() if as_of is None else parse_instant(as_of, self.time_zone)
            asked = Asked(opportunity_id, when, explain=True, language=language)
            return self.scores.similar(self.scorer, closed, asked, limit)
        _, moment = self.whole_at(as_of)
        scores = scored_one(self.scorer, whole.histories, opportunity_id, moment, explain=True)
        body = encoded(similar_of(closed, scores, whole.known, limit, language))
        return Given(body, tag_of(whole.mark, opportunity_id, moment, limit, language, self.scorer.versions))

    def alerts(self, asked: alerts.Question, as_of: str | None, language: Language) -> Given:
        """A page of the open deals' alerts: of the store as of today, or of the folder's watermark.

        Raises:
            StudyDamaged: the study beside the bundles cannot be read.
            Problem: 404 where nothing is served, 422 for a wrong rule or cursor.
        """
        study = study_in(self.settings.bundles)
        whole, moment = self.whole_at(as_of)
        pipeline = whole.pipeline(self.scorer, moment)
        board = self._board(whole, pipeline, study)
        body = alerts.answer_of(board, asked, self.scorer, lambda deal: self.around(deal)[0], language)
        return Given(encoded(body), tag_of(pipeline.tag, study.mark, asked, language))

    def priorities(self, asked: priorities.Question, as_of: str | None, language: Language) -> Given:
        """The week's lists of reps: of the store as of today, or of the folder's watermark.

        Raises:
            BundleError: there is no win model.
            Problem: 404 where nothing is served.
        """
        whole, moment = self.whole_at(as_of)
        pipeline = whole.pipeline(self.scorer, moment)
        week = self._week(whole, pipeline, asked)
        body = priorities.answer_of(week, asked.capacity, language)
        return Given(encoded(body), tag_of("priorities", pipeline.tag, asked, language))

    def changes(
        self, opportunity_id: str, window: tuple[str, str | None], target: Target | None, language: Language
    ) -> dict[str, Any]:
        """What moved the probabilities of an opportunity; `window`: since when, and until (default: now, or
        the folder's watermark).

        Raises:
            Problem: 422 where `since` is not before `until`, 404 where nothing is served by id.
        """
        records, known = self.around(opportunity_id)
        since = parse_instant(window[0], self.time_zone, name="since")
        until = known if window[1] is None else parse_instant(window[1], self.time_zone, name="until")
        if since >= until:
            raise unfit("since", "lies not before `until`")
        receipts = () if self.scores is None else self.scores.shown_by(opportunity_id, since)
        asked = Window(opportunity_id, since, until, targets_of(target), language)
        return changes_of(self.scorer, records, asked, receipts)

    def what_if(self, opportunity_id: str, body: bytes, language: Language) -> bytes:
        """An opportunity's scores with records that are supposed, encoded; nothing is kept.

        Raises:
            Problem: the body is no JSON (400), or does not fit (422); 404 where nothing is served by id.
        """
        request = what_if.parsed(body, self.time_zone)
        around = self.around(opportunity_id)
        return encoded(what_if.what_if(self.scorer, around, opportunity_id, request, language))

    def around(self, opportunity_id: str) -> tuple[Records, int]:
        """All records around one opportunity, and up to when they go: now, or the folder's watermark."""
        if self.scores is not None:
            return of_stored(self.scores.rows_around(opportunity_id)), now()
        source, known = self.whole_at(None)
        return self.arounds.of((opportunity_id,), lambda: source.index.around(opportunity_id)), known

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

    def models(self, language: Language) -> list[dict[str, Any]]:
        """The models this process scores with, how they did on a forward test, and what drifted since, which
        without a study that can be read is not known."""
        models = self.scorer.models
        try:
            study = study_in(self.settings.bundles)
        except StudyDamaged:
            study = NO_STUDY
        drift = drift_in(study, models, language)
        return [_described(target, model) | {"drift": drift[target]} for target, model in models.items()]


def _deal_of(rows: Mapping[str, list[dict[str, Any]]]) -> PostedDeal:
    deal = rows["opportunities"][0]
    name, created, closed, outcome = (
        deal[column] for column in ("opportunity_id", "created_at", "closed_at", "outcome")
    )
    return PostedDeal(name, created, closed, outcome, latest_known(rows))


def _check_close(deal: PostedDeal, place: int) -> None:
    """What the cleaning of a data set quarantines of opportunities is refused here."""
    closed_at = deal.closed_at
    wrong = ""
    if (closed_at is None) != (deal.outcome is None):
        wrong = "closed_at and outcome are given together, or neither while it is open"
    elif closed_at is not None and closed_at < deal.created_at:
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
