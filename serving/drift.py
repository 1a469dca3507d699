"""Whether the present is still what the served models learnt from, as the study beside the bundles found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.scorer import Model
from serving.study import Study
from serving.wording import Language, behaviour_name
from training.labels import Target


def drift_in(
    study: Study, models: Mapping[Target, Model], language: Language
) -> dict[Target, dict[str, Any] | None]:
    """Of each served model what drifted, JSON-ready; None where the study did not look at this version."""
    return {
        target: _told(study.section("drift"), target, model, language) for target, model in models.items()
    }


def _told(
    section: Mapping[str, Any], target: Target, model: Model, language: Language
) -> dict[str, Any] | None:
    found = section.get("models", {}).get(target)
    if found is None or found["version"] != model.version:
        return None
    drifted = [each | {"text": _text(each, model, language)} for each in found["drifted"]]
    return (
        {"days": section["days"]} | {k: v for k, v in found.items() if k != "version"} | {"drifted": drifted}
    )


_NAMED: Mapping[str, tuple[str, str]] = {
    "feature": ("{name}: {bin}", "{name}：{bin}"),
    "probability": ("shown probability: {bin}", "显示的概率：{bin}"),
    "behaviour": ("reasons by {name}", "“{name}”类理由"),
}


def _text(shift: Mapping[str, Any], model: Model, language: Language) -> str:
    """What drifted: which values of a feature, or of the probability, have become more or less; or the
    points of a behaviour."""
    chinese, bundle, name = language == "zh-CN", model.bundle, str(shift["name"])
    head, its = _NAMED[shift["kind"]][chinese], ""
    if shift["kind"] == "behaviour":
        return head.format(name=behaviour_name(name, language))
    if bundle.profile is not None:
        spreads = bundle.profile.features
        spread = bundle.profile.probability if shift["kind"] == "probability" else spreads.get(name)
        if spread is not None and 0 <= shift["place"] < len(spread.shares):
            its = spread.bin_text(shift["place"], chinese=chinese)
    said = {feature.name: feature.zh if chinese else feature.en for feature in bundle.features}
    return head.format(name=said.get(name, name), bin=its)
