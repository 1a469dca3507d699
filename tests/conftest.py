"""What all tests need before anything else is imported, and a database server for those that ask."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.postgresql import Server, running

# OpenMP's threads wait for each other by spinning, which on a machine whose cores are busy makes
# a fit of one second take forty. Read when LightGBM is first imported, hence here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("dealcast", deadline=None)
settings.load_profile("dealcast")


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server of the tests' own."""
    root = tmp_path_factory.getbasetemp().parent
    with running(tmp_path_factory.mktemp("postgresql"), root) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(postgresql_server: Server) -> str:
    """Its address."""
    return postgresql_server.address()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small trained world; see `tests.trained`."""
    from tests.trained import train_world  # after the environment is set

    return train_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def studied(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same world with a study of behaviours and teams beside its models."""
    from tests.trained import studied_in

    return studied_in(trained, tmp_path_factory.mktemp("studied"))
