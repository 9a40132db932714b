"""What wrk prints is understood, and failed answers are never taken for fast ones."""

import re

import pytest

from benchmarks.load import Loaded, LoadError, median, parse_wrk

PRINTED = """Running 2s test @ http://127.0.0.1:8080/api/v1/apps
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.23ms  310.22us  12.01ms   91.20%
    Req/Sec    13.05k   812.11    14.22k    78.05%
  Latency Distribution
     50%    1.15ms
     75%    1.31ms
     90%    1.52ms
     99%    {p99}
  25968 requests in 2.00s, 5.91GB read
{bad}Requests/sec:  12984.05
Transfer/sec:      2.96GB
"""


@pytest.mark.parametrize(("p99", "ms"), [("2.50ms", 2.5), ("812.00us", 0.812), ("1.20s", 1200.0), ("1.50m", 90_000.0)])
def test_rate_and_percentile_are_read_in_every_unit(p99: str, ms: float) -> None:
    loaded = parse_wrk(PRINTED.format(p99=p99, bad=""))
    assert loaded.rate == 12984.05
    assert loaded.p99_ms == pytest.approx(ms)


@pytest.mark.parametrize(
    "bad", ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"]
)
def test_failed_answers_are_an_error(bad: str) -> None:
    with pytest.raises(LoadError, match=re.escape(bad.strip())):
        parse_wrk(PRINTED.format(p99="2.50ms", bad=bad))


def test_no_figures_are_an_error() -> None:
    with pytest.raises(LoadError, match="no figures"):
        parse_wrk("unable to connect")


def test_the_median_of_each_figure_is_taken_by_itself() -> None:
    assert median([Loaded(1, 30), Loaded(3, 10), Loaded(2, 20)]) == Loaded(2, 20)
