"""The walls of the house: imports go one way, and each outside thing is talked to in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("features", "training", "serving")

WEB = ("fastapi", "starlette", "uvicorn", "pydantic")
FORBIDDEN = {
    "features": ("training", "serving", "lightgbm", "sklearn", "mlflow", "pandas", *WEB),
    "training": ("serving", *WEB),
    "serving": ("sklearn", "mlflow", "lightgbm", "pandas", "shap"),
}
# What a finished model needs; only the commands may fit and track.
SERVING_TAKES = ("alerts", "bundle", "close", "errors", "explain", "forecast", "labels", "metrics", "trees")
ONE_PLACE = {
    "mlflow": ("training/tracking/", "training/registry.py"),
    "uvicorn": ("serving/commands/serve.py",),
    "sqlalchemy": ("serving/store/", "training/tracking/"),
    "alembic": ("serving/store/migrate.py", "serving/store/migrations/"),
}
NO_PLACE = ("sqlite3", "psycopg", "psycopg2")  # drivers, which SQLAlchemy loads
CLOCKS = {"serving/clock.py"}
HEAVY = ("pandas", "pandera", "mlflow", "sklearn", "shap", "matplotlib", "optuna")


def modules(floor: str) -> Iterator[Path]:
    yield from sorted((ROOT / floor).rglob("*.py"))


def imports(path: Path, *, at_import_only: bool = False) -> Iterator[str]:
    """The dotted names a file imports; with `at_import_only` not those inside of functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if at_import_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_nothing_from_above_and_no_foreign_trade(floor: str) -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(floor)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[floor]
    ]
    assert not found


def test_serving_takes_from_training_only_what_a_finished_model_needs() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("serving")
        if "commands" not in path.parts and path.name != "cli.py"
        for name in imports(path)
        if name.startswith("training") and name.split(".")[1] not in SERVING_TAKES
    ]
    assert not found


@pytest.mark.parametrize("package", ONE_PLACE)
def test_an_outside_thing_is_talked_to_in_one_place(package: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for floor in FLOORS
        for path in modules(floor)
        if package in {name.split(".")[0] for name in imports(path)}
    }
    assert found
    assert {path for path in found if not path.startswith(ONE_PLACE[package])} == set()


def test_no_driver_of_a_database_is_imported_by_name() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for floor in FLOORS
        for path in modules(floor)
        for name in imports(path)
        if name.split(".")[0] in NO_PLACE
    ]
    assert not found


def test_nobody_asks_the_clock_but_a_door() -> None:
    asking = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter"}
    found = set()
    for floor in FLOORS:
        for path in modules(floor):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = ast.unparse(node.func.value).split(".")[-1]
                    if node.func.attr in asking and owner in {"datetime", "date", "time", "Timestamp"}:
                        found.add(path.relative_to(ROOT).as_posix())
    assert found == CLOCKS


def test_only_the_app_module_makes_an_app() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for floor in FLOORS
        for path in modules(floor)
        if re.search(r"\bFastAPI\(|\(FastAPI\)", path.read_text(encoding="utf-8"))  # or a kind of it
    }
    assert found == {"serving/app.py"}


def test_the_online_path_is_free_of_pandas_and_of_pandera_at_import() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for floor in FLOORS
        for path in modules(floor)
        for name in imports(path, at_import_only=True)
        if name.split(".")[0] in HEAVY
    ]
    assert not found


def test_a_server_loads_alembic_only_where_a_step_is_to_be_taken() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in modules("serving")
        if "alembic" in {name.split(".")[0] for name in imports(path, at_import_only=True)}
    ]
    assert all("/migrations/versions/" in path for path in found)
