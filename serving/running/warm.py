"""What the first visitor would else wait for, made once before anybody asks."""

from __future__ import annotations

import logging
import threading

from pydantic import BaseModel

from features.errors import DataError
from serving.pages.render import prepare
from serving.problems import Problem
from serving.records import MODELS, RecordsRequest
from serving.running.memory import leave_out
from serving.schemas import ScoreRequest
from serving.service import Service
from serving.what_if import WhatIfRequest
from training.errors import BundleError

log = logging.getLogger("dealcast.serving")


def warm_up(service: Service) -> threading.Thread:
    """Read the templates, work out how bodies are read, make what pages of all deals need, explain a deal,
    in a thread of its own.

    What cannot be made is told to who asks for it; here it is passed over.
    """
    thread = threading.Thread(target=_warm, args=(service,), name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm(service: Service) -> None:
    prepare()
    bodies: list[type[BaseModel]] = [ScoreRequest, RecordsRequest, WhatIfRequest, *MODELS.values()]
    for body in bodies:
        body.model_rebuild()
    try:
        whole, moment = service.whole_at(None)
        deals = whole.pipeline(service.scorer, moment).scores.opportunity_ids
        if deals:
            service.what_if(deals[0], b"", "en")
        service.prepare(whole)
        if deals:
            service.similar(deals[0], None, 1, "en")
    except (Problem, DataError, BundleError) as error:
        log.info("not made beforehand: %s", type(error).__name__)
    leave_out()  # further kernels were loaded
