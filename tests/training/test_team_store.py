"""A store as a team has it: PostgreSQL and S3, or MLflow's own server, all real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.request import urlopen

import pytest

from features.frame import FeatureFrame
from tests.postgresql import free_port
from training.errors import TrackingError
from training.labels import Target
from training.run import Trained
from training.tracking import CHALLENGER, CHAMPION, Tracking

pytestmark = pytest.mark.slow
BUCKET = "s3://dealcast-models/team"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server with an empty bucket, named in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in ("DEALCAST_ARTIFACTS", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
            patch.setenv(name, "")
            patch.delenv(name)
        boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="dealcast-models")
        yield endpoint
    server.stop()


def test_what_is_trained_here_is_scored_elsewhere_from_postgresql_and_s3_to_the_bit(
    postgresql: str, s3: str, trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrackingError, match="a database keeps no files; say where artifacts go"):
        Tracking(postgresql).check()
    here = Tracking(postgresql, BUCKET)
    here.check()
    made = [here.register(trained[target]) for target in ("win", "win")]
    assert [(m.version, m.alias) for m in made] == [("1", CHAMPION), ("2", CHALLENGER)]
    elsewhere = Tracking(postgresql)
    elsewhere.check()
    assert elsewhere.targets() == ["win"]
    bundle, _ = elsewhere.load("win")
    wanted = trained["win"].bundle.probability(frames["win"])
    assert bundle.probability(frames["win"]).tobytes() == wanted.tobytes()
    assert os.listdir(tmp_path) == []
    import boto3

    bucket = boto3.client("s3", endpoint_url=s3).list_objects_v2(Bucket="dealcast-models")
    keys = [each["Key"] for each in bucket["Contents"]]
    assert all(key.startswith("team/") for key in keys)
    assert sum(key.endswith("/bundle.json") for key in keys) == 2
    assert sum(key.endswith("/model_card.md") for key in keys) == 2


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's tracking server, which keeps runs, versions and artifacts for its clients."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination", str(tmp_path / "kept"),
    ]  # fmt: skip
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        _answering(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _answering(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("MLflow's server does not answer")


def test_what_is_trained_here_is_scored_elsewhere_from_a_tracking_server_to_the_bit(
    mlflow_server: str, trained: Mapping[Target, Trained], frames: Mapping[Target, FeatureFrame],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    client = tmp_path / "client"
    client.mkdir()
    monkeypatch.chdir(client)
    here = Tracking(mlflow_server)
    here.check()
    made = [here.register(trained["win"]) for _ in range(2)]
    assert [(m.version, m.alias) for m in made] == [("1", CHAMPION), ("2", CHALLENGER)]
    bundle, _ = Tracking(mlflow_server).load("win")
    wanted = trained["win"].bundle.probability(frames["win"])
    assert bundle.probability(frames["win"]).tobytes() == wanted.tobytes()
    assert os.listdir(client) == []
    kept = [path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert kept.count("bundle.json") == kept.count("model_card.md") == 2


def test_an_s3_that_is_away_is_said_as_the_store_s_failure(
    postgresql: str, s3: str, trained: Mapping[Target, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    tracking = Tracking(postgresql, "s3://elsewhere/dealcast")
    with pytest.raises(
        TrackingError, match=r"^tracking store postgresql\+psycopg2://postgres:\*\*\*@.*127\.0\.0\.1:9"
    ):
        tracking.register(trained["stall"])
