"""What the first visitor would else wait for, made once before anybody asks."""

from __future__ import annotations

import logging
import threading

from features.errors import DataError
from serving import alerts
from serving.bookings import Question
from serving.pages.render import prepare
from serving.problems import Problem
from serving.service import Service
from training.errors import BundleError

log = logging.getLogger("dealcast.serving")


def warm_up(service: Service) -> threading.Thread:
    """Score the pipeline, explain a deal and find closed ones like it, draw the forecast, try the rules of
    alerts and read the templates, in a thread of its own.

    What cannot be made is told to who asks for it; here it is passed over.
    """
    thread = threading.Thread(target=_warm, args=(service,), name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm(service: Service) -> None:
    prepare()
    for make in (_some_deal, _forecast, _alerts):
        try:
            make(service)
        except (Problem, DataError, BundleError) as error:
            log.info("not made beforehand: %s", type(error).__name__)


def _forecast(service: Service) -> None:
    service.forecast(Question(), None)


def _alerts(service: Service) -> None:
    service.alerts(alerts.Question(), None, "en")


def _some_deal(service: Service) -> None:
    """The pipeline, and one deal of it explained, of which nothing is kept, beside closed ones."""
    found = service.pipeline_at(None)
    if len(found.scores):
        deal = found.scores.opportunity_ids[0]
        service.what_if(deal, b"", "en")
        service.similar(deal, None, 1, "en")
