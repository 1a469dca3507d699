"""A real server process: what it loads, that it serves, and what it does without a store."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from serving.bundles import load_models
from tests.serving.conftest import Ran, T, Trained, bundle_in, run_command
from training.errors import BundleError

RESIDENT = """
import re
from pathlib import Path

def resident():
    maps = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    return sum(int(re.search(r"Rss: +([0-9]+)", each)[1]) for each in maps if "/libllvmlite" in each)
"""
HEAVY = ("mlflow", "shap", "matplotlib", "torch", "dask", "ray")


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def environment() -> dict[str, str]:
    """This one, from which the packages are found in any working folder."""
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def started(*words: str | Path, cwd: Path, **more: str) -> tuple[str, subprocess.Popen[str]]:
    """The address of a running `dealcast serve`, once it is ready, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "serving.cli", "serve", *map(str, words), "--port", str(port)]
    surroundings = environment() | more
    with log_of(port, cwd).open("w") as log:  # a pipe that nobody reads would fill and stop the server
        process = subprocess.Popen(command, cwd=cwd, stderr=log, text=True, env=surroundings)
    return _ready(f"http://127.0.0.1:{port}", process, log_of(port, cwd)), process


def log_of(port: int | str, cwd: Path) -> Path:
    """What a server that was started in a folder says on stderr."""
    return cwd / f"serve-{port}.log"


@contextmanager
def served(*words: str | Path, cwd: Path, **more: str) -> Iterator[str]:
    """The address of a running `dealcast serve`, once it is ready; `more` is put into its environment."""
    address, process = started(*words, cwd=cwd, **more)
    try:
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def _ready(address: str, process: subprocess.Popen[str], log: Path) -> str:
    for _ in range(600):
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        try:
            fetch(address + "/health/ready")
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise AssertionError("not ready within a minute")


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def test_a_server_without_a_store_serves_the_bundles_it_has(trained: Trained, tmp_path: Path) -> None:
    away = f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'mlflow.db'}"
    words = (trained.crm, "--bundles", trained.bundles, "--tracking-uri", away)
    one = trained.data["opportunities"].sort("created_at")["opportunity_id"][-1]
    with served(*words, cwd=tmp_path) as address:
        answer = fetch(f"{address}/v1/opportunities/{one}/score?as_of={T}")
        assert answer["model"] == {"win": "1", "stall": "1", "churn": "1", "close": "1"}


def test_the_serving_process_loads_neither_mlflow_nor_plotting(trained: Trained) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from serving.app import create_app, open_service; from serving.settings import Settings;"
        f"create_app(open_service(Settings(Path({str(trained.bundles)!r}), Path({str(trained.crm)!r}))));"
        "print(','.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.strip().split(",")}
    assert "training.trees" in done.stdout
    assert not loaded & {*HEAVY, "lightgbm", "sklearn"}


def test_a_store_s_worker_that_is_ready_has_not_loaded_polars(trained: Trained, tmp_path: Path) -> None:
    code = "import sys; from serving.worker import app; app(); print(','.join(sys.modules))"
    served_is = {
        "DEALCAST_BUNDLES": str(trained.bundles),
        "DEALCAST_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | served_is
    )
    loaded = {name.split(".")[0] for name in done.stdout.strip().split(",")}
    assert {"serving", "sqlalchemy"} <= loaded
    assert not loaded & {*HEAVY, "lightgbm", "sklearn", "scipy", "polars"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of such pages")
def test_a_worker_that_is_ready_has_let_go_of_the_compiler(trained: Trained) -> None:
    code = f"from serving.worker import app; app()\n{RESIDENT}\nprint(resident())"
    served_is = {"DEALCAST_BUNDLES": str(trained.bundles)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | served_is
    )
    assert int(done.stdout) < 10_000  # kB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of such pages")
def test_the_compiler_is_out_of_memory_once_a_worker_is_ready_and_can_be_used_again() -> None:
    code = f"""
import features.build, numba
from serving.running.memory import leave_out
{RESIDENT}
before = resident()
assert leave_out() > 2**20
after = resident()
again = numba.njit("int64(int64)")(lambda number: number + 1)(41)
print(before, after, again, leave_out("no such library"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, again, none = map(int, done.stdout.split())
    assert before > 20_000  # kB
    assert after < before / 5
    assert (again, none) == (42, 0)


def test_a_kernel_from_the_disk_can_be_built_into_one_that_is_compiled_anew() -> None:
    code = """
import numba, numpy as np
from features.clustering import bounds
asked = bounds(np.array([3, 1]), np.array([5, 9]))
library = bounds.overloads[bounds.signatures[0]].library
assert library._shared_module is None, "what only compiling needs is read at once"
whole = numba.njit("int64(int64[::1])")(lambda times: bounds(times, times)[3] - bounds(times, times)[0])
print(*asked, whole(np.array([4, 11, 6])), library._shared_module is not None)
"""
    subprocess.run([sys.executable, "-c", "import features.clustering"], check=True)  # is on the disk then
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "3", "5", "9", "7", "True"]


def test_serve_without_any_bundle_ends_with_one_clear_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "serving.cli", "serve", "--bundles", "none", "--tracking-uri"]
    command.append(f"sqlite:///{tmp_path / 'mlflow.db'}")
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.code == 1
    assert ran.err.strip().splitlines()[-1].startswith("dealcast: tracking store")
    assert "has no champion" in ran.err


def test_old_bundles_stay_when_new_ones_cannot_be_fetched(trained: Trained, tmp_path: Path) -> None:
    uri = ("--tracking-uri", trained.uri)
    assert run_command("pull", tmp_path / "bundles", *uri) == 0
    assert run_command("pull", tmp_path / "bundles", "--tracking-uri", f"sqlite:///{tmp_path / 'x.db'}") == 1
    assert set(load_models(tmp_path / "bundles")) == {"win", "stall", "churn"}


def test_a_damaged_bundle_is_refused(trained: Trained, tmp_path: Path) -> None:
    assert run_command("pull", tmp_path / "bundles", "--tracking-uri", trained.uri) == 0
    model = bundle_in(tmp_path / "bundles", "win") / "model.txt"
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=1", 1))
    with pytest.raises(BundleError, match="not the one the bundle was made with"):
        load_models(tmp_path / "bundles")
