"""Conventions as a key: equal ones are one key, in every process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from features.conventions import Conventions

ONE = Conventions(("A", "B"), time_zone="Asia/Shanghai")


def test_equal_ones_are_one_key_and_others_another() -> None:
    assert {ONE: 1}[Conventions(("A", "B"), time_zone="Asia/Shanghai")] == 1
    assert Conventions(("A", "B")) not in {ONE}


def test_a_pickled_one_is_the_same_key_in_a_process_that_hashes_texts_differently() -> None:
    assert hash(ONE) == hash(ONE)
    program = (
        "import pickle, sys; from features.conventions import Conventions;"
        "found = pickle.loads(sys.stdin.buffer.read());"
        "print({found: 'found'}.get(Conventions(('A', 'B'), time_zone='Asia/Shanghai')))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=pickle.dumps(ONE),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout.strip() == b"found"
