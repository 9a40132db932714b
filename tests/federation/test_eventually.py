"""Waiting for a condition."""

from itertools import count

import pytest

from tests.federation.eventually import eventually


async def test_it_returns_the_first_true_value() -> None:
    values = iter([0, None, "", "there", "later"])
    assert await eventually(lambda: next(values)) == "there"


async def test_it_awaits_a_check_that_must_be_awaited() -> None:
    numbers = count()

    async def check() -> bool:
        return next(numbers) == 2

    assert await eventually(check) is True


async def test_it_waits_while_something_is_not_there_yet() -> None:
    items: list[str] = []

    def check() -> str:
        items.append("x")
        assert len(items) > 2
        return items[3]

    assert await eventually(check) == "x"


async def test_the_last_assertion_is_raised_in_the_end() -> None:
    numbers = count(1)

    def check() -> None:
        raise AssertionError(f"attempt {next(numbers)}")

    with pytest.raises(AssertionError, match=r"attempt [2-9]"):
        await eventually(check, timeout=0.1)


async def test_a_value_that_stays_false_is_named_in_the_end() -> None:
    with pytest.raises(AssertionError, match=r"still \[\] after 0.05 s"):
        await eventually(list, timeout=0.05)


async def test_a_mistake_in_the_check_is_raised_at_once() -> None:
    numbers = count(1)

    def check() -> None:
        raise TypeError(f"attempt {next(numbers)}")

    with pytest.raises(TypeError, match="attempt 1"):
        await eventually(check)
