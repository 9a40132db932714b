"""Clients that keep asking and writing, whoever breaks what, until enough has been asked and broken."""

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import aiohttp

from tests.federation.client import REQUEST_TIMEOUT_S, Answer, Client
from tests.soak.judge import Judge, Question
from tests.soak.mesh import NAMES, Mesh
from tests.soak.questions import ListQuestion, Questions, questions_of
from tests.soak.registers import Registers

CLIENTS = 12
WRITES, STRICT, LISTS = 0.1, 0.05, 0.4
"""Parts of all requests; strict ones are lists too, the rest are single items."""


class Load:
    """`requests`: how many `run` has made so far. Entered, it keeps connections to every gateway."""

    def __init__(self, mesh: Mesh, judge: Judge, registers: Registers, chance: random.Random) -> None:
        self.requests = 0
        self._mesh, self._judge, self._registers, self._chance = mesh, judge, registers, chance
        self._questions: Mapping[str, Questions] = {name: questions_of(name) for name in NAMES}
        self._clients: dict[str, Client] = {}
        self._open = contextlib.AsyncExitStack()
        # Mutable state: the count, and the connections.

    async def __aenter__(self) -> Self:
        for name in NAMES:
            session = await self._open.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
                )
            )
            self._clients[name] = Client(self._mesh.gateways[name].url, session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def run(self, is_over: Callable[[], bool]) -> None:
        """All clients, until it is over; the first wrong answer ends them."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._keep_asking(is_over))

    async def finds_nothing_missing(self) -> bool:
        """Asks every gateway everything once, lists first; what is wrong raises, what is missing is counted."""
        missing = self._judge.missing
        for kind in (_lists, _single_items):
            asked = [self._ask_each(kind(questions)) for questions in self._questions.values()]
            await asyncio.gather(*asked)
            if self._judge.missing > missing:
                return False
        return True

    async def _ask_each(self, questions: Iterable[Question]) -> None:
        for question in questions:
            await self._ask(question)

    async def _keep_asking(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            viewer = self._chance.choice([name for name in NAMES if self._mesh.truth.is_alive(name)])
            await self._one(self._questions[viewer])
            self.requests += 1

    async def _one(self, questions: Questions) -> None:
        at = self._chance.random()
        if at < WRITES:
            await self._write(questions)
        elif at < WRITES + STRICT:
            await self._ask(dataclasses.replace(self._chance.choice(questions.lists), strict=True))
        elif at < WRITES + STRICT + LISTS:
            await self._ask(self._chance.choice(questions.lists))
        else:
            marks = self._chance.choice([*questions.marks.values()])
            await self._ask(self._chance.choice((*questions.items, *marks)))

    async def _ask(self, question: Question) -> None:
        began = self._mesh.truth.clock()
        headers = {"Prefer": "handling=strict"} if isinstance(question, ListQuestion) and question.strict else None
        answer = await self._answer(question, began, "GET", headers=headers)
        if answer is None:
            return
        if isinstance(question, ListQuestion):
            self._judge.judge_list(question, answer, began)
        else:
            self._judge.judge_item(question, answer, began)

    async def _write(self, questions: Questions) -> None:
        owner, app = self._chance.choice([*questions.marks])
        question = self._chance.choice(questions.marks[owner, app])
        write = self._registers.begin(owner, app)
        if write is None:  # another client is writing it
            await self._ask(question)
            return
        answer = await self._answer(question, write.began, "PUT", json={"value": write.value})
        if answer is None:
            self._registers.unknown(write)
        else:
            self._judge.judge_write(question, answer, write)

    async def _answer(self, question: Question, began: float, method: str, **options: Any) -> Answer | None:
        """None = it was broken off, and may be."""
        try:
            return await self._clients[question.viewer].request(method, question.path, **options)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._judge.judge_broken(question, error, began)
            return None


def _lists(questions: Questions) -> Iterable[Question]:
    return questions.lists


def _single_items(questions: Questions) -> Iterable[Question]:
    return (*questions.items, *(question for ways in questions.marks.values() for question in ways))
