"""The model card of a version: what it is for, how good it was, and what it must not be used for.

Markdown, in the sense of Mitchell et al. 2019 (10.1145/3287560.3287596). Counts, dates, shares and
names of features alone: no record, no id, no name of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from training.importance import Weight, by_behaviour
from training.interval import LEVEL, VennAbers
from training.labels import LabelPolicy, Target
from training.run import Trained

SHOWN_FEATURES = 10
_FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "log_loss": "log loss (less is better)",
        "brier": "Brier score (less is better)",
        "roc_auc": "ROC AUC",
        "average_precision": "average precision",
        "calibration_error": "calibration error (less is better)",
        "lift_top_tenth": "lift in the top tenth",
    }
)
_BESIDE = ("", "baseline_base_rate_", "baseline_stage_rate_", "baseline_logistic_", "baseline_crm_")


def model_card(trained: Trained, weights: Sequence[Weight], data_name: str) -> str:
    """The card of a trained model, to be kept with its version."""
    sections = (
        _head(trained),
        _data(trained, data_name),
        _earned(trained),
        _figures(trained.evaluation.metrics),
        _reliability(trained),
        *_intervals(trained.bundle.venn_abers),
        _features(weights, trained.bundle.manifest["withheld"]),
        _use(),
        _limits(),
        _versions(trained.bundle.manifest["versions"]),
    )
    return "\n\n".join(sections) + "\n"


def summary(trained: Trained) -> str:
    """What a version predicts and how good it was, in two sentences; under 1,000 characters."""
    m = trained.evaluation.metrics
    return (
        f"{predicts(trained.bundle.target, trained.bundle.policy)} Forward test of"
        f" {trained.evaluation.rows['test']:,} snapshots: log loss {m['log_loss']:.4f} (base rate"
        f" {m['baseline_base_rate_log_loss']:.4f}), ROC AUC {m['roc_auc']:.3f}. For coaching, never for"
        " punishing; the whole card is `model_card.md` of the run."
    )


def predicts(target: Target, policy: LabelPolicy) -> str:
    """What a target's probability means, in a sentence."""
    given = f", given that it reaches the stage {policy.win_given_stage}" if policy.win_given_stage else ""
    return {
        "win": f"The probability that an open deal closes as won{given}.",
        "stall": (
            f"The probability that an open deal neither moves on nor is won within {policy.stall_days} days."
        ),
        "churn": (
            "The probability that an account that has ordered does not order again within"
            f" {policy.churn_days} days, or leaves."
        ),
    }[target]


def _head(trained: Trained) -> str:
    target = trained.bundle.target
    return (
        f"# Model card: dealcast-{target}, trained as of {trained.bundle.manifest['cutoff']}\n\n"
        + predicts(target, trained.bundle.policy)
    )


def _data(trained: Trained, name: str) -> str:
    manifest, rows = trained.bundle.manifest, trained.evaluation.rows
    tables = ", ".join(f"{table} {count:,}" for table, count in sorted(manifest["rows"].items()))
    dates = trained.split.dates()
    shares = manifest.get("shares_by_part", {})
    drawn = ", ".join(f"{share:.0%} in the {part} part" for part, share in shares.items() if share < 1)
    return _titled(
        "Data",
        *(
            f"- Data set `{name}`, SHA-256 `{manifest['data_sha256']}`: {tables}.",
            f"- Nothing recorded after {manifest['cutoff']} was looked at; the data end at"
            f" {manifest['watermark']}.",
            f"- How many trees: chosen on {rows['calibrate']:,} snapshots up to {dates['calibrate_end']}, by"
            f" trees of {rows['train']:,} up to {dates['train_end']}. The figures below: of trees that knew"
            f" nothing after {dates['calibrate_end']}, on {rows['test']:,} snapshots up to"
            f" {dates['test_end']}; a gap of {dates['gap_days']} days behind both.",
            *(
                [f"- Of the deals or accounts the forward test looked at those drawn by lot: {drawn}."]
                if drawn
                else ()
            ),
            "- The registered trees were fitted once more on all that was known, with the calibration that"
            f" the judged ones needed, on {manifest['entities_calibrated']:,} deals or accounts.",
        ),
    )


def _earned(trained: Trained) -> str:
    """What the probabilities are, and why."""
    verdict = trained.evaluation.verdict
    if words := verdict.words():
        return words[0].upper() + words[1:] + "."
    return (
        f"The model's own probabilities are shown: it is better than the base rate in"
        f" {verdict.over_base_rate:.0%} of the draws of deals or accounts; ROC AUC {verdict.low:.3f} to"
        f" {verdict.high:.3f} in nine of ten."
    )


def _figures(metrics: Mapping[str, float]) -> str:
    rows = []
    for name, wording in _FIGURES.items():
        values = [metrics.get(prefix + name) for prefix in _BESIDE]
        rows.append((wording, *("" if value is None else f"{value:.4f}" for value in values)))
    return _titled(
        "Figures", "On the test part, later than anything the model had seen, and looked at once.", "",
        *_table(("", "model", "base rate", "rate of the stage", "logistic regression", "CRM's own"), rows),
    )  # fmt: skip


def _reliability(trained: Trained) -> str:
    rows = [
        (f"{row.low:.0%} to {row.high:.0%}", f"{row.mean:.1%}", f"{row.observed:.1%}", f"{row.n:,}")
        for row in trained.evaluation.reliability
    ]
    return _titled(
        "Reliability", "What came true of what was said on the test part.", "",
        *_table(("said", "on average", "came true", "distinct deals or accounts"), rows),
    )  # fmt: skip


def _intervals(found: VennAbers | None) -> tuple[str, ...]:
    """A section, if there are intervals."""
    if found is None:
        return ()
    return (
        _titled(
            "Interval of a score",
            f"The median width on the test part is {found.median_width:.1%}, learnt from"
            f" {found.entities:,} deals or accounts (by weight as good as {found.effective:,.0f} equal"
            " ones).",
            "",
            "An interval tells where the share that comes true lies among those with the same score, in the"
            f" middle {LEVEL:.0%} of draws of deals, each read with one more deal lost and one more won"
            " (Venn-Abers). It tells nothing of how one deal ends, which is yes or no.",
        ),
    )


def _features(weights: Sequence[Weight], withheld: Sequence[str]) -> str:
    lines = ["Shares of the trees' gain; an association in the past, not a cause.", ""]
    behaviours = [(name, f"{share:.1%}") for name, share in by_behaviour(tuple(weights))]
    lines += _table(("behaviour", "share"), behaviours)
    top = [(f"`{w.feature}`", f"{w.gain_share:.1%}", f"{w.splits:,}") for w in weights[:SHOWN_FEATURES]]
    lines += ["", *_table(("strongest features", "share", "splits"), top)]
    if withheld:
        names = ", ".join(f"`{name}`" for name in withheld)
        lines += ["", f"Withheld, since the data span less than a year: {names}."]
    return _titled("What it looks at", *lines)


def _use() -> str:
    return _titled(
        "What it is for, and what not",
        "- For coaching: to see which deals and accounts need help, and to talk about why.",
        "- Never for punishing: not for pay, ranking, warning or dismissing people, nor for any other"
        " decision about a person that no human being makes and answers for.",
        "- Not for other firms' data, nor for a CRM whose stages or habits of recording have changed since.",
        "- Not as a proof that doing what a reason names changes the outcome.",
    )


def _limits() -> str:
    return _titled(
        "Limits",
        "- The figures are of one stretch of time; how far they would vary is not on this card.",
        "- They were measured on trees that ended one step earlier than the registered ones, whose own"
        " figures cannot be known yet.",
        "- Labels not known yet (censored) are weighted for, which assumes that deals that take long and"
        " deals that are quick come from the same past.",
        "- Texts of a category on fewer than 20 snapshots, and new ones, count as missing.",
        "- What the CRM does not record, the model does not know.",
    )


def _versions(versions: Mapping[str, str]) -> str:
    return _titled("Versions", ", ".join(f"{name} {number}" for name, number in versions.items()))


def _titled(title: str, *lines: str) -> str:
    return "\n".join((f"## {title}", "", *lines))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(row) + " |" for row in cells]
