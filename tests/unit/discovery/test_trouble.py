import errno
import os

import pytest

from discovery.trouble import HEADLINE, explain


def failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_promise_53_the_line_of_the_tutorial_is_word_for_word() -> None:
    assert HEADLINE == "mDNS: Failed to open mDNS announce socket on port 5353."


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EADDRINUSE, "another program holds UDP port 5353"),
        (errno.EACCES, "port 5353 needs no privilege"),
        (errno.EPERM, "firewall"),
        (errno.ENETUNREACH, "no network that carries multicast"),
        (errno.ENODEV, "tried again by itself"),
        (errno.EIO, "docker run --net=host"),
    ],
)
def test_promise_54_the_cause_comes_with_its_name_and_its_own_remedy(number: int, told: str) -> None:
    text = explain(failed(number))
    assert text.startswith(f"{errno.errorcode[number]}: {os.strerror(number)}; ")
    assert told in text
    assert "aggregation.announce and aggregation.discover to false" in text


def test_promise_55_another_responder_may_hold_the_port() -> None:
    text = explain(failed(errno.EADDRINUSE))
    assert "Avahi: disallow-other-stacks=no" in text
    assert "systemd-resolved: MulticastDNS=no" in text


def test_what_has_no_number_is_told_in_its_own_words() -> None:
    assert explain(OSError("there is no network")).startswith("there is no network; ")
    assert explain(TimeoutError()).startswith("TimeoutError; ")
