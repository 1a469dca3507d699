"""What the benchmark of the service makes of wrk's report."""

from __future__ import annotations

import pytest

from benchmarks.serving.load import Measured, parsed
from benchmarks.serving.soak import Portion, judged

REPORT = """Running 2s test @ http://127.0.0.1:9101
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.43ms    6.01ms  90.02ms   95.51%
    Req/Sec     5.90k     2.10k    8.10k    60.00%
  Latency Distribution
     50%  119.00us
     75%    1.81ms
     90%    1.05s
     99%    1.20m
  11755 requests in 2.00s, 1.65MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 4
Requests/sec:   5877.56
Transfer/sec:    843.55KB
"""


def test_wrk_s_report_is_read_in_its_units() -> None:
    found = parsed(REPORT)
    assert found.quantile == pytest.approx({50: 119e-6, 75: 1.81e-3, 90: 1.05, 99: 72.0})
    assert (found.rate, found.count, found.failed) == (5877.56, 11755, 7)


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(ValueError, match="50% quantile"):
        parsed("unable to connect to 127.0.0.1:9101 Connection refused")


def portion(own: float, p99: float, failed: int = 0) -> Portion:
    return Portion(Measured({50: 0.001, 99: p99}, 500.0, 30_000, failed), own, 100.0)


@pytest.mark.parametrize(
    ("portions", "holds"),
    [
        ([portion(100 + 90 * (i > 0), 0.005) for i in range(10)], True),  # it fills up at the beginning
        ([portion(200 + 2 * i, 0.005) for i in range(10)], True),
        ([portion(200 + 4 * i, 0.005) for i in range(10)], False),
        ([portion(200, 0.005 + 0.002 * (i > 6)) for i in range(10)], False),
        ([portion(200, 0.005, failed=int(i == 5)) for i in range(10)], False),
    ],
)
def test_a_soak_holds_where_memory_and_the_p99_stay_flat(portions: list[Portion], holds: bool) -> None:
    report, found = judged(portions)
    assert found is holds
    assert ("does not hold" in report.notes[0]) is not holds
