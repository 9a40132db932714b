"""Copies of one gateway: told from restarts by the order in which boots answer."""

import pytest

from peers.clones import MAX_BOOTS, MAX_COPIES, MAX_INSTANCES, BootLedger, Verdict

FINE = Verdict(is_copy=False)
COPY = Verdict(is_copy=True)


def answers(ledger: BootLedger, words: str, *, instance: str = "I") -> list[Verdict]:
    """`b1 c2`: peer b shows boot 1, then peer c boot 2; each is probed and answers within its own second."""
    return [
        ledger.judge(word[0], instance, word[1:], asked=at + 0.0, now=at + 0.5) for at, word in enumerate(words.split())
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("b1 b1 b1", [FINE, FINE, FINE], id="one process"),
        pytest.param("b1 b2 b3", [FINE, FINE, FINE], id="restarts"),
        pytest.param("b1 c1 b1 c1", [FINE] * 4, id="one process under two URLs"),
        pytest.param("b1 c2 c2", [FINE, FINE, FINE], id="a restart that moved"),
        pytest.param("b1 b2 b1", [FINE, FINE, COPY], id="two processes behind one URL"),
        pytest.param("b1 b2 b1 b2 b1", [FINE, FINE, COPY, COPY, COPY], id="and both stay refused"),
        pytest.param("b1 b2 b1 b3 b3", [FINE, FINE, COPY, FINE, FINE], id="until something new runs there"),
        pytest.param("b1 b2 b1 b3 b1", [FINE, FINE, COPY, FINE, COPY], id="a copy stays one beside a third"),
        pytest.param(
            "b1 c2 b1 c2 b1",
            [FINE, FINE, Verdict(is_copy=False, rival="c"), COPY, FINE],
            id="of two URLs the later one is the copy and the first stays",
        ),
    ],
)
def test_an_older_boot_that_answers_again_means_copies(words: str, expected: list[Verdict]) -> None:
    assert answers(BootLedger(), words) == expected


def test_an_answer_that_was_on_its_way_before_the_restart_was_seen_is_no_copy() -> None:
    ledger = BootLedger()
    answers(ledger, "b1")
    ledger.judge("c", "I", "2", asked=3.0, now=4.0)
    assert ledger.judge("b", "I", "1", asked=4.0, now=9.0) == FINE
    assert ledger.judge("b", "I", "1", asked=4.1, now=9.0) == Verdict(is_copy=False, rival="c")


def test_equal_boots_of_different_instances_have_nothing_to_do_with_each_other() -> None:
    ledger = BootLedger()
    assert answers(ledger, "b1 b2", instance="I") + answers(ledger, "c2 c1", instance="J") == [FINE] * 4


def test_a_peer_that_restarts_without_end_takes_no_more_memory() -> None:
    ledger = BootLedger()
    for boot in range(10 * MAX_BOOTS):
        assert ledger.judge("b", "I", str(boot), asked=boot, now=boot + 0.5) == FINE
    assert len(ledger._seen["I"]) == MAX_BOOTS


def test_two_copies_that_restart_without_end_take_no_more_memory() -> None:
    ledger = BootLedger()
    for at in range(0, 30 * MAX_BOOTS, 3):
        answers(ledger, f"b{at} b{at + 1}")
        ledger.judge("b", "I", str(at), asked=at + 9.0, now=at + 9.5)
    assert len(ledger._copies["I"]) == MAX_COPIES


def test_instances_without_end_take_no_more_memory_and_their_copies_go_with_them() -> None:
    ledger = BootLedger()
    assert answers(ledger, "b1 b2 b1", instance="first")[-1] == COPY
    for number in range(MAX_INSTANCES):
        answers(ledger, "b1", instance=str(number))
    assert len(ledger._seen) == MAX_INSTANCES
    assert ledger._copies == {}
