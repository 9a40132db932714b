"""The judge of the soak does find what it is there to find."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.federation.client import Answer
from tests.soak.judge import PATIENCE_S, Judge, WrongAnswerError
from tests.soak.mesh import NAMES
from tests.soak.questions import ItemQuestion, ListQuestion, questions_of
from tests.soak.registers import Registers
from tests.soak.truth import Truth

VIEWER = "g0"
UNREACHED = {"parameters": {"may_have_executed": False}}
MAYBE = {"parameters": {"may_have_executed": True}}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


class Bench:
    """A judge with the truth that it knows, and a clock that the test turns."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.truth = Truth(NAMES, self.clock)
        self.registers = Registers(self.clock, self.truth.boots)
        self.judge = Judge(self.truth, self.registers)
        self.questions = questions_of(VIEWER)

    def list(self, path: str) -> ListQuestion:
        (found,) = [question for question in self.questions.lists if question.path == path]
        return found

    def mark(self, owner: str) -> ItemQuestion:
        return self.questions.marks[owner, "cam"][0]

    def hears(self, question: ListQuestion | ItemQuestion, answer: Answer) -> None:
        """The judge hears an answer that came at once."""
        if isinstance(question, ListQuestion):
            self.judge.judge_list(question, answer, self.clock())
        else:
            self.judge.judge_item(question, answer, self.clock())

    def writes(self, owner: str, status: int, body: Mapping[str, Any] | None = None) -> str:
        """One write and its answer; returns the value."""
        write = self.registers.begin(owner, "cam")
        assert write is not None
        said = {"data": write.value} if body is None else body
        self.judge.judge_write(self.mark(owner), told(said, status), write)
        return write.value

    def reads(self, owner: str, value: str) -> None:
        self.hears(self.mark(owner), told({"data": value}))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def told(body: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, CIMultiDictProxy(CIMultiDict()), json.dumps(body).encode(), body)


def components(*owners: str, source: str | None = None, named: tuple[str, ...] = ()) -> Answer:
    """The list of Components as `VIEWER` would show it if it reached these."""
    items: list[dict[str, Any]] = [{"id": "rack"}]
    for owner in owners:
        medkit = {} if owner == VIEWER else {"x-medkit": {"source": source or f"peer:{owner}"}}
        items.append({"id": f"{owner}_unit", **medkit})
    gaps = {"partial": True, "failed_peers": list(named)} if named else {}
    return told({"items": items, "x-medkit": gaps})


def test_a_whole_list_and_one_that_names_who_is_missing_are_right(bench: Bench) -> None:
    question = bench.list("/components")
    bench.hears(question, components(*NAMES))
    bench.hears(question, components(*NAMES[:4], named=("g4",)))
    assert bench.judge.missing == 1


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (components(*NAMES[:4]), r"lacks \['g4'\] without naming them"),
        (components(*NAMES[:3], named=("g4",)), r"lacks \['g3'\] without naming them"),
        (components(*NAMES[1:], named=("g4",)), r"lacks \['g0'\] without naming them"),
        (components(*NAMES, "g4"), "has somebody twice"),
        (components(*NAMES, "g5"), r"has \['g5_unit'\], which nobody owns"),
        (components("g0", "g1", source="peer:g2", named=NAMES[2:]), "says g1_unit is of g2"),
        (told({"items": []}, 503), "is not 200"),
    ],
)
def test_a_list_that_is_wrong_at_any_time_is_found(bench: Bench, answer: Answer, complaint: str) -> None:
    with pytest.raises(WrongAnswerError, match=complaint):
        bench.hears(bench.list("/components"), answer)


def test_an_item_of_somebody_else_and_an_unknown_one_are_found(bench: Bench) -> None:
    (question, *_) = [each for each in bench.questions.items if each.owner == "g3"]
    bench.hears(question, told({"data": "g3"}))
    bench.hears(question, told({}, 502))
    with pytest.raises(WrongAnswerError, match="is of g2"):
        bench.hears(question, told({"data": "g2"}))
    with pytest.raises(WrongAnswerError, match="neither a value nor an error of the way"):
        bench.hears(question, told({}, 404))


def test_what_can_be_reached_may_be_missing_for_a_while_and_no_longer(bench: Bench) -> None:
    question, gap = bench.list("/components"), components(*NAMES[:4], named=("g4",))
    for _ in range(2):
        bench.hears(question, gap)
        bench.clock.now += PATIENCE_S - 1
        bench.hears(question, components(*NAMES))
    bench.hears(question, gap)
    bench.clock.now += PATIENCE_S
    with pytest.raises(WrongAnswerError, match="lacks g4, which can be reached"):
        bench.hears(question, gap)


def test_what_cannot_be_reached_may_be_missing_for_ever_and_what_is_dead_not_be_shown(bench: Bench) -> None:
    bench.truth.gateway_dies("g4")
    for _ in range(3):
        bench.clock.now += PATIENCE_S
        bench.hears(bench.list("/components"), components(*NAMES[:4], named=("g4",)))
    bench.hears(bench.list("/components"), components(*NAMES))
    bench.clock.now += PATIENCE_S + 1
    with pytest.raises(WrongAnswerError, match="shows g4, which is dead"):
        bench.hears(bench.list("/components"), components(*NAMES))


def test_a_broken_link_leaves_a_way_over_another_gateway(bench: Bench) -> None:
    bench.truth.link_breaks(("g0", "g4"), "cut")
    assert bench.truth.reached_since("g0", "g4") is not None
    for between in ("g1", "g2", "g3"):
        bench.truth.link_breaks((between, "g4"), "freeze")
    assert bench.truth.reached_since("g0", "g4") is None
    bench.truth.link_heals(("g2", "g4"))
    assert bench.truth.reached_since("g0", "g4") == pytest.approx(bench.clock.now)


def test_no_answer_is_forgiven_only_to_who_was_killed(bench: Bench) -> None:
    began = bench.clock()
    bench.truth.gateway_dies("g0")
    bench.judge.judge_broken(bench.mark("g3"), ConnectionError(), began)
    bench.truth.gateway_lives("g0")
    bench.clock.now += 10
    with pytest.raises(WrongAnswerError, match="breaks off"):
        bench.judge.judge_broken(bench.mark("g3"), ConnectionError(), bench.clock())


def test_a_write_that_was_replaced_does_not_come_back(bench: Bench) -> None:
    first, second = bench.writes("g3", 200), bench.writes("g3", 200)
    bench.reads("g3", second)
    with pytest.raises(WrongAnswerError, match="replaced for good"):
        bench.reads("g3", first)


def test_a_write_in_doubt_may_arrive_late_but_once(bench: Bench) -> None:
    doubtful = bench.writes("g3", 504, MAYBE)
    bench.writes("g3", 200)
    bench.reads("g3", doubtful)
    bench.writes("g3", 200)
    with pytest.raises(WrongAnswerError, match="replaced for good"):
        bench.reads("g3", doubtful)


def test_a_write_that_is_said_not_to_be_executed_is_never_seen(bench: Bench) -> None:
    denied = bench.writes("g3", 502, UNREACHED)
    with pytest.raises(WrongAnswerError, match="or never executed"):
        bench.reads("g3", denied)


def test_a_write_that_was_seen_is_not_denied(bench: Bench) -> None:
    write = bench.registers.begin("g3", "cam")
    assert write is not None
    bench.reads("g3", write.value)
    with pytest.raises(WrongAnswerError, match="is said not to have been executed, and was seen, or sent"):
        bench.judge.judge_write(bench.mark("g3"), told(UNREACHED, 502), write)


def test_a_write_that_landed_elsewhere_is_found(bench: Bench) -> None:
    value = bench.writes("g3", 200)
    with pytest.raises(WrongAnswerError, match="which nobody wrote there"):
        bench.reads("g2", value)


def test_a_write_that_is_sent_to_its_owner_twice_is_found(bench: Bench) -> None:
    bench.registers.arrives("g3", b'PUT / HTTP/1.1\r\n\r\n{"value": "g3/cam/1"}')
    bench.registers.arrives("g2", b'{"value": "g3/cam/1"}')  # on its way over another gateway
    bench.writes("g3", 200)
    bench.registers.arrives("g3", b'{"value":"g3/cam/1"}')
    with pytest.raises(WrongAnswerError, match=r"\['g3/cam/1'\] were sent to their owners twice"):
        bench.writes("g3", 200)


def test_what_its_owner_held_is_lost_when_it_dies(bench: Bench) -> None:
    value = bench.writes("g3", 200)
    with pytest.raises(WrongAnswerError, match="replaced for good"):
        bench.reads("g3", "")
    bench.truth.gateway_dies("g3")
    bench.truth.gateway_lives("g3")
    bench.reads("g3", "")
    with pytest.raises(WrongAnswerError, match="replaced for good"):
        bench.reads("g3", value)
