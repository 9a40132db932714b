"""Compares every answer with the truth; the first wrong one raises, with the answer, the truth and what led to it."""

from collections import Counter
from collections.abc import Collection

from tests.federation.client import Answer
from tests.soak.questions import ItemQuestion, ListQuestion
from tests.soak.registers import Registers, Write
from tests.soak.truth import Truth

PATIENCE_S = 60.0
"""How long answers may lack what can be reached, or show who is dead: detection, a peer that flapped held down for
up to 10 s, and gateways that get so little of a busy machine that they miss each other's probes. One good answer to
the same question ends it."""

GRACE_S = 1.0
"""How long after its start a client may still find that a connection to the gateway before is dead."""

UNREACHABLE = frozenset({502, 503, 504, 508})
"""What a gateway may answer for another one."""

REASONS = {
    *("connection_refused", "connection_terminated", "connection_timeout", "connection_read_timeout"),
    *("http_response_timeout", "http_response_incomplete", "destination_unavailable", "no_route", "loop_detected"),
    *("flapping", "not_asked", "connection_limit_reached"),
}
"""What cut, frozen, reset and slow links and dead gateways can be the reason of; others would be false."""

Question = ListQuestion | ItemQuestion


class WrongAnswerError(AssertionError):
    """An answer that no moment since its question justifies."""


class Judge:
    """`outcomes`: how often what was answered how; `missing`: how often somebody was missing from an answer.

    `longest_s`: how long, at most, answers lacked what could be reached, or showed who was dead.
    """

    def __init__(self, truth: Truth, registers: Registers) -> None:
        self._truth = truth
        self._registers = registers
        self.outcomes: Counter[str] = Counter()
        self.missing = 0
        self.longest_s = 0.0
        self._late: dict[tuple[str, str, str], float] = {}
        # Mutable state: the counts, and since when which (viewer, owner, path) is answered wrongly.

    def judge_list(self, question: ListQuestion, answer: Answer, began: float) -> None:
        """Nobody twice, nobody unnamed, everything its owner's."""
        self._count("list", question, answer)
        if question.strict and answer.status in {502, 504}:
            missing = {owner for owner in self._truth.names if self._is_named(owner, answer)}
            if not missing:
                raise self._wrong("refuses without a gap", question, answer)
        elif answer.status != 200:
            raise self._wrong("is not 200", question, answer)
        else:
            missing = self._missing(question, answer, began)
        for owner in {*question.owners.values()} - {question.viewer}:
            self._be_patient(question, answer, owner, began, is_shown=owner not in missing)

    def _missing(self, question: ListQuestion, answer: Answer, began: float) -> set[str]:
        """Who is not in the list, or named as missing."""
        keys = [question.key(item) for item in answer.items]
        if len(set(keys)) < len(keys):
            raise self._wrong("has somebody twice", question, answer)
        if strangers := set(keys) - question.owners.keys():
            raise self._wrong(f"has {sorted(strangers)}, which nobody owns", question, answer)
        for key, item in zip(keys, answer.items, strict=True):
            if question.claimed(item) not in {question.owners[key], None}:
                raise self._wrong(f"says {key} is of {question.claimed(item)}", question, answer)
        for key, item in zip(keys, answer.items, strict=True):
            mark = question.marks.get(key)
            if mark and (mistake := self._registers.seen(*mark, item["value"], began)):
                raise self._wrong(mistake, question, answer)
        absent = {question.owners[key] for key in question.owners.keys() - set(keys)}
        named = {owner for owner in self._truth.names if self._is_named(owner, answer)}
        if silent := absent - named:
            raise self._wrong(f"lacks {sorted(silent)} without naming them", question, answer)
        if bool(answer.medkit.get("partial")) is not bool(named) or (named and question.strict):
            raise self._wrong("does not know whether it is whole", question, answer)
        return absent | named

    def judge_item(self, question: ItemQuestion, answer: Answer, began: float) -> None:
        """The owner's value, or an error that says it cannot be had."""
        self._count("item", question, answer)
        if answer.status == 200:
            self._judge_value(question, answer, began)
        elif answer.status not in UNREACHABLE or question.owner == question.viewer:
            raise self._wrong("is neither a value nor an error of the way to it", question, answer)
        self._be_patient(question, answer, question.owner, began, is_shown=answer.status == 200)

    def _judge_value(self, question: ItemQuestion, answer: Answer, began: float) -> None:
        if question.register is None:
            if question.claimed(answer.json) != question.owner:
                raise self._wrong(f"is of {question.claimed(answer.json)}", question, answer)
        elif mistake := self._registers.seen(*question.register, answer.json["data"], began):
            raise self._wrong(mistake, question, answer)

    def judge_write(self, question: ItemQuestion, answer: Answer, write: Write) -> None:
        """Executed once at its owner, or not at all, or the answer says that it does not know."""
        self._count("write", question, answer)
        if self._registers.repeated:
            raise self._wrong(f"{self._registers.repeated} were sent to their owners twice", question, answer)
        mistake = None
        if answer.status == 200:
            self._registers.done(write)
            if answer.json["data"] != write.value:
                mistake = f"was to write {write.value!r}"
        elif answer.status not in UNREACHABLE or question.owner == question.viewer:
            mistake = "is neither a write nor an error of the way to it"
        elif answer.json.get("parameters", {}).get("may_have_executed"):
            self._registers.unknown(write)
        else:
            mistake = self._registers.not_done(write)
        if mistake:
            raise self._wrong(mistake, question, answer)

    def judge_broken(self, question: Question, error: Exception, began: float) -> None:
        """No answer at all: only from a gateway that was killed meanwhile, or still had a connection from before."""
        self.outcomes[f"broken off {type(error).__name__}"] += 1
        if self._truth.has_lived(question.viewer, began - GRACE_S):
            raise self._wrong(f"breaks off: {error!r}", question) from error

    def _count(self, what: str, question: Question, answer: Answer) -> None:
        """The outcome, whose reasons must be among those there can be."""
        reasons = {error["reason"] for error in answer.medkit.get("peer_errors", ())}
        if answer.status != 200:
            reasons |= {answer.medkit["reason"]} if "reason" in answer.medkit else set()
        if reasons - REASONS:
            raise self._wrong(f"gives reasons that there are not: {sorted(reasons - REASONS)}", question, answer)
        reason = "" if answer.status == 200 or what == "list" else " ".join(sorted(reasons))
        self.outcomes[f"{what} {answer.status} {reason}".rstrip()] += 1

    def _is_named(self, owner: str, answer: Answer) -> bool:
        named: Collection[str] = answer.medkit.get("failed_peers", ())
        return any(label.rpartition("/")[2] == owner for label in named)

    def _be_patient(self, question: Question, answer: Answer, owner: str, began: float, *, is_shown: bool) -> None:
        """Wrong only when every answer to this question has been so for a while in which nothing happened."""
        since = self._truth.reached_since(question.viewer, owner) if not is_shown else self._truth.dead_since(owner)
        self.missing += not is_shown
        key = (question.viewer, owner, f"{question.path} {is_shown}")
        self._late.pop((question.viewer, owner, f"{question.path} {not is_shown}"), None)
        if since is None:
            self._late.pop(key, None)
            return
        late = max(self._late.setdefault(key, began), since)
        self.longest_s = max(self.longest_s, self._truth.clock() - late)
        if self._truth.clock() - late > PATIENCE_S:
            what = f"shows {owner}, which is dead" if is_shown else f"lacks {owner}, which can be reached"
            raise self._wrong(f"{what}, since {late:.3f}", question, answer)

    def _wrong(self, what: str, question: Question, answer: Answer | None = None) -> WrongAnswerError:
        told = "" if answer is None else f"{answer.status} {answer.body.decode()}\n"
        return WrongAnswerError(f"{question.viewer} {question.path} {what}\n{told}{self._truth}")
