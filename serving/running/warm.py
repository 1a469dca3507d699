"""What the first visitor would else wait for, made once before anybody asks."""

from __future__ import annotations

import logging
import threading

from features.errors import DataError
from serving import alerts
from serving.bookings import question_of
from serving.pages.periods import HORIZON, HORIZONS, SPLITS
from serving.pages.render import prepare
from serving.problems import Problem
from serving.service import Service
from training.errors import BundleError

log = logging.getLogger("dealcast.serving")


def warm_up(service: Service) -> threading.Thread:
    """Score the pipeline, explain a deal and find closed ones like it, try the rules of alerts, draw the
    forecasts and read the templates, in a thread of its own.

    What cannot be made is told to who asks for it; here it is passed over.
    """
    thread = threading.Thread(target=_warm, args=(service,), name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm(service: Service) -> None:
    prepare()
    for make in (_some_deal, _alerts, _forecast):
        try:
            make(service)
        except (Problem, DataError, BundleError) as error:
            log.info("not made beforehand: %s", type(error).__name__)


def _forecast(service: Service) -> None:
    """The forecast with each split and each horizon that its page offers."""
    for by, days in (*((by, HORIZON) for by in SPLITS), *(("", days) for days in HORIZONS)):
        service.forecast(question_of(by, days), None)


def _alerts(service: Service) -> None:
    service.alerts(alerts.Question(), None, "en")


def _some_deal(service: Service) -> None:
    """The pipeline, and one deal of it explained, of which nothing is kept, beside closed ones."""
    found = service.pipeline_at(None)
    if len(found.scores):
        deal = found.scores.opportunity_ids[0]
        service.what_if(deal, b"", "en")
        service.similar(deal, None, 1, "en")
