"""A search for better parameters of the trees, judged on the calibration part, never on the test part.

Optuna's tree-structured Parzen estimator, seeded; a trial that is worse than the median of the
earlier ones at the same round is broken off. The defaults are the first trial, so that what is
found is never worse than they are, on the rows it was chosen on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from features.errors import DataError
from training.dataset import Source, labelled_frame
from training.evaluate import matrix_of
from training.labels import Target
from training.models import DEFAULTS, fit
from training.splits import forward_split

if TYPE_CHECKING:
    import optuna

SEED = 7
WARM_UP = 30  # rounds before a trial may be broken off
# Least and greatest value, both inclusive; searched on a logarithmic scale where marked.
SPACE: Mapping[str, tuple[float, float, bool]] = MappingProxyType(
    {
        "learning_rate": (0.02, 0.15, True),
        "num_leaves": (4, 63, True),
        "min_data_in_leaf": (10, 200, True),
        "feature_fraction": (0.2, 1.0, False),
        "bagging_fraction": (0.5, 1.0, False),
        "lambda_l2": (0.1, 100.0, True),
        "cat_smooth": (1.0, 100.0, True),
    }
)
_WHOLE = ("num_leaves", "min_data_in_leaf")


@dataclass(frozen=True)
class Trial:
    """One attempt.

    Attributes:
        number: 0 for the defaults.
        params: of the names in `SPACE`.
        log_loss: on the calibration part at the best round; of a trial that was broken off, so far.
        rounds: trees at that round.
        pruned: whether it was broken off.
    """

    number: int
    params: Mapping[str, float]
    log_loss: float
    rounds: int
    pruned: bool


@dataclass(frozen=True)
class Tuned:
    """What a search came to; the first trial is that of the defaults."""

    target: Target
    cutoff: str
    data_sha256: str
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The finished trial with the least log loss, the earliest of equal ones."""
        return min((t for t in self.trials if not t.pruned), key=lambda trial: trial.log_loss)


def tune(
    source: Source, target: Target, *, trials: int, out_of_time: Callable[[], bool] = lambda: False,
    told: Callable[[Trial], None] | None = None,
) -> Tuned:  # fmt: skip
    """Search for parameters of a target's trees.

    Args:
        trials: how many at the most, the defaults among them.
        out_of_time: asked after each round; the trial under way is then broken off, though never the
            defaults'.
        told: of each trial as it ends.

    Raises:
        TooLittleData: there is not enough to fit, calibrate and test.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    frame = labelled_frame(source, target)
    split = forward_split(target, source.history, frame.snapshots, source.cutoff, source.policy)
    matrix = matrix_of(frame)
    train, later = matrix.fitted(split.train), matrix.fitted(split.calibrate)
    done: list[Trial] = []

    def objective(trial: optuna.Trial) -> float:
        params = _suggested(trial)
        seen: list[float] = []

        def judged(round_: int, loss: float) -> None:
            seen.append(loss)
            trial.report(loss, round_)
            if trial.number and (out_of_time() or trial.should_prune()):
                raise optuna.TrialPruned

        def end(pruned: bool) -> float:
            best = min(seen)
            done.append(Trial(trial.number, params, best, seen.index(best) + 1, pruned))
            if told is not None:
                told(done[-1])
            return best

        try:
            fit(train, frame.encoding, later=later, params=params, judged=judged)
        except optuna.TrialPruned:
            end(pruned=True)
            raise
        return end(pruned=False)

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=SEED),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=WARM_UP),
    )
    study.enqueue_trial({name: DEFAULTS[name] for name in SPACE})
    study.optimize(objective, trials, callbacks=[lambda s, _: s.stop() if out_of_time() else None])
    manifest = source.manifest()
    return Tuned(target, manifest["cutoff"], manifest["data_sha256"], tuple(done))


def _suggested(trial: optuna.Trial) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (low, high, log) in SPACE.items():
        if name in _WHOLE:
            found[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            found[name] = trial.suggest_float(name, low, high, log=log)
    return found


def write_params(params: Mapping[str, float], path: Path) -> None:
    """Keep parameters in a JSON file, for `read_params`."""
    path.write_text(json.dumps(dict(params), indent=1) + "\n", encoding="utf-8")


def read_params(path: Path) -> dict[str, float]:
    """Parameters of the trees from a JSON file: an object of names in `SPACE` and numbers.

    Raises:
        DataError: it is no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not JSON ({error}); `dealcast tune` writes such a file") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no object of names and numbers; `dealcast tune` writes such a file")
    for name, value in found.items():
        _check(path, name, value)
    return found


def _check(path: Path, name: str, value: Any) -> None:
    if name not in SPACE:
        raise DataError(f"{path}: `{name}` cannot be set; what can: {', '.join(SPACE)}")
    low, high, _ = SPACE[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (name in _WHOLE and value != int(value)):
        kind = "a whole number" if name in _WHOLE else "a number"
        raise DataError(f"{path}: `{name}` is {value!r}; {kind} from {low:g} to {high:g} is needed")
