"""Which promises are asked of guarded gateways too: TLS and tokens at each, a credential of its own for the next."""

from collections.abc import Mapping
from typing import Final

MODULES: Final = frozenset(
    f"test_promise_{part}" for part in ("chain", "failure", "fanout", "merged", "start", "summary", "traps")
)
"""All tests in them run a second time, as `[guarded]`."""

PLAIN_ONLY: Final[Mapping[str, str]] = {
    "test_promise_02_the_port_is_set_on_the_command_line_without_a_file": "guards come by a file",
    "test_promise_04_a_gateway_starts_with_no_config_and_aggregation_is_off": "guards are configuration",
    "test_promise_34_the_refresh_cycle_is_ten_seconds_by_default": "a default, without any gateway",
}
"""But these, and why.

Of the modules of promises these are plain as a whole: test_tutorial and test_promise_config, about the letter of files,
commands and ports, and test_promise_mdns, for what is discovered gets no credential.
"""


def is_also_guarded(module: str, test: str) -> bool:
    """Whether this test of `tests/federation/<module>.py` runs with guards as well."""
    return module in MODULES and test not in PLAIN_ONLY
