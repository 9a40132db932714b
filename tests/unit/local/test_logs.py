"""Logs keep their settings, and answer well-formed."""

from typing import Any

import pytest

from gateway.local.answers import ItemAnswer, ResourceError
from gateway.local.own import OwnEntities
from tests.unit.local.conftest import MakeOwn, app

ARM = app("arm")


@pytest.fixture
def own(make_own: MakeOwn) -> OwnEntities:
    return make_own("apps: [{id: arm}, {id: leg}]")


@pytest.mark.parametrize("severity", [None, "debug", "info", "warning", "error", "fatal"])
def test_a_log_is_an_empty_list(own: OwnEntities, severity: str | None) -> None:
    assert own.log_items(ARM, severity, "x" * 256) == []


@pytest.mark.parametrize(("severity", "context"), [("loud", None), ("", None), ("DEBUG", None), (None, "x" * 257)])
def test_a_bad_log_query_is_refused(own: OwnEntities, severity: str | None, context: str | None) -> None:
    answer = own.log_items(ARM, severity, context)
    assert isinstance(answer, ResourceError)
    assert (answer.status, answer.code) == (400, "invalid-parameter")


def test_log_settings_are_kept_for_each_entity(own: OwnEntities) -> None:
    default = ItemAnswer(200, {"severity_filter": "debug", "max_entries": 100})
    assert own.log_configuration(ARM) == default
    assert own.write_log_configuration(ARM, {"max_entries": 5}) == ItemAnswer(204, None)
    assert own.write_log_configuration(ARM, {"severity_filter": "error"}) == ItemAnswer(204, None)
    assert own.log_configuration(ARM) == ItemAnswer(200, {"severity_filter": "error", "max_entries": 5})
    assert own.log_configuration(app("leg")) == default


@pytest.mark.parametrize(
    "body",
    [
        {"max_entries": 0},
        {"max_entries": 10_001},
        {"max_entries": "5"},
        {"max_entries": True},
        {"severity_filter": "loud"},
        {"severity_filter": ["error"]},
        {"severity_filter": "error", "max_entries": -1},
        [],
        None,
    ],
)
def test_bad_log_settings_are_refused_and_change_nothing(own: OwnEntities, body: Any) -> None:
    answer = own.write_log_configuration(ARM, body)
    assert isinstance(answer, ResourceError)
    assert answer.status == 400
    assert own.log_configuration(ARM).body == {"severity_filter": "debug", "max_entries": 100}
