"""What is worked out of one view is kept for the next request, but never taken from another view."""

from entities.model import Component, EntityKind
from gateway.http.subject import Subjects
from peers.view import FederatedView
from tests.unit.http.views import record, view_of


def at(generation: int) -> FederatedView:
    return view_of(record("here", Component("robot", "Robot")), generation=generation)


def test_a_request_of_an_older_view_neither_gets_the_newer_one_nor_drives_it_out() -> None:
    old, new = at(1), at(2)
    robots = [view.merged.find(EntityKind.COMPONENT, "robot") for view in (old, new)]
    assert robots[0] is not None
    assert robots[1] is not None
    subjects = Subjects()
    kept = subjects.of(new, new.merged, robots[1])
    assert subjects.of(old, old.merged, robots[0]).view is old
    assert subjects.of(new, new.merged, robots[1]) is kept
    newest = at(3)
    assert subjects.of(newest, newest.merged, robots[1]).view is newest
