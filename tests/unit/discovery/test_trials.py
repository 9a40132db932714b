from ipaddress import IPv6Address
from pathlib import Path

import pytest

from discovery.trials import Trial, read_trials

LINE = "fd000009000000000000000000000001 0a 40 00 {flags}     eth0\n"


@pytest.mark.parametrize(
    ("flags", "trial"),
    [
        ("80", None),  # permanent
        ("00", None),
        ("c0", Trial.PENDING),
        ("40", Trial.PENDING),
        ("44", None),  # optimistic: may be used meanwhile
        ("c8", Trial.FAILED),
    ],
)
def test_an_address_that_the_system_still_asks_about_cannot_be_used(
    tmp_path: Path, flags: str, trial: Trial | None
) -> None:
    path = tmp_path / "if_inet6"
    path.write_text("nonsense\n" + LINE.format(flags=flags))
    key = (10, IPv6Address("fd00:9::1"))
    assert read_trials(path) == ({} if trial is None else {key: trial})


def test_where_the_system_does_not_tell_all_can_be_used(tmp_path: Path) -> None:
    assert read_trials(tmp_path / "nothing") == {}


def test_loopback_is_never_on_trial() -> None:
    assert all(address != IPv6Address("::1") for _, address in read_trials())
