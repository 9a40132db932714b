"""Ids of Apps in an owner's words and in ours."""

from gateway.http.translate import VERBATIM, Echo, Translation, reported_as, reverse

CAM = Translation(apps={"cam": "b__cam"}, sent_path="/api/v1/apps/cam", received_path="/api/v1/apps/b__cam")


def test_an_app_is_named_as_it_is_called_here() -> None:
    detail = {
        "id": "cam",
        "name": "Camera",
        "type": "app",
        "data": "/api/v1/apps/cam/data",
        "capabilities": [{"name": "data", "href": "/api/v1/apps/cam/data"}],
        "_links": {"self": "/api/v1/apps/cam", "depends-on": ["/api/v1/apps/cam", "/api/v1/apps/other"]},
    }
    assert CAM.body(detail) == {
        "id": "b__cam",
        "name": "b__Camera",
        "type": "app",
        "data": "/api/v1/apps/b__cam/data",
        "capabilities": [{"name": "data", "href": "/api/v1/apps/b__cam/data"}],
        "_links": {"self": "/api/v1/apps/b__cam", "depends-on": ["/api/v1/apps/b__cam", "/api/v1/apps/other"]},
    }


def test_members_and_qualified_items_are_translated_and_values_never() -> None:
    body = {
        "items": [{"id": "cam:rate", "x-medkit": {"member_ids": ["cam"], "source": "cam"}}],
        "x-medkit": {"entity_id": "cam", "hosts": ["cam", "arm"]},
        "data": {"id": "cam", "member_ids": ["cam"], "href": "/api/v1/apps/cam"},
    }
    box = Translation(apps={"cam": "b__cam"}, sent_path="/api/v1/components/box")
    assert box.body(body) == {
        "items": [{"id": "b__cam:rate", "x-medkit": {"member_ids": ["b__cam"], "source": "b__cam"}}],
        "x-medkit": {"entity_id": "b__cam", "hosts": ["b__cam", "arm"]},
        "data": {"id": "cam", "member_ids": ["cam"], "href": "/api/v1/apps/cam"},
    }


def test_the_items_of_an_app_keep_their_ids_whatever_these_begin_with() -> None:
    listed = {"items": [{"id": "cam:rate", "name": "cam:rate", "category": "currentData"}]}
    assert CAM.body(listed) == listed


def test_what_an_operation_takes_is_the_owners_whatever_it_is_called() -> None:
    for body in ({"input": {"app_id": "cam"}}, {"goal": ["/api/v1/apps/cam"]}, {"schema": {"member_ids": ["cam"]}}):
        assert CAM.body(body) == reverse(CAM.apps).body(body) == body


def test_an_item_and_an_operation_are_called_as_they_were_addressed() -> None:
    echo = Translation(echo=Echo("b__cam:go", "cell"))
    assert not echo.is_empty
    told = {"id": "go", "x-medkit": {"entity_id": "cam"}}
    assert echo.body(told) == {**told, "id": "b__cam:go"}
    assert echo.body({"item": told}) == {"item": {"id": "b__cam:go", "x-medkit": {"entity_id": "cell"}}}
    assert echo.body({"item": {"code": "HOT"}, "error_code": "x"}) == {"item": {"code": "HOT"}, "error_code": "x"}


def test_an_error_names_whom_it_is_about_and_tells_the_rest_as_it_was_told() -> None:
    parameters = {
        "entity_id": "cam",
        "operation_ids": ["cam:go", "arm:go"],
        "value": "cam",
        "details": {"app_id": "cam", "member_ids": ["cam"]},
        "results": [{"app_id": "cam", "success": False}],
    }
    error = {"error_code": "x", "message": "cam", "parameters": parameters}
    assert CAM.body({"x-medkit": {"error": error}})["x-medkit"]["error"] == CAM.body(error)
    assert CAM.body(error)["parameters"] == {
        **parameters,
        "entity_id": "b__cam",
        "operation_ids": ["b__cam:go", "arm:go"],
        "results": [{"app_id": "b__cam", "success": False}],
    }


def test_values_of_configurations_say_whose_they_are_and_stay_as_they_are() -> None:
    told = {"name": "cam", "value": {"source": "cam"}, "x-medkit": {"source": "cam", "node": "/cam"}}
    assert CAM.body({"x-medkit": {"parameters": [told, "cam"]}}) == {
        "x-medkit": {"parameters": [{**told, "x-medkit": {"source": "b__cam", "node": "/cam"}}, "cam"]}
    }


def test_a_reporter_is_named_as_it_is_called_here_and_a_ros_node_as_in_ros() -> None:
    fault = {"fault_code": "HOT", "reporting_sources": ["cam", "/x/cam"]}
    assert CAM.body({"items": [fault]}) == {"items": [{**fault, "reporting_sources": ["b__cam", "/x/cam"]}]}
    assert reported_as(fault, "cam", "b__cam") == {**fault, "reporting_sources": ["b__cam", "/x/cam"]}
    assert reported_as({**fault, "reporting_sources": None}, "cam", "b__cam")["reporting_sources"] is None


def test_a_request_is_translated_back() -> None:
    assert reverse(CAM.apps).body({"member_ids": ["b__cam"], "value": "b__cam"}) == {
        "member_ids": ["cam"],
        "value": "b__cam",
    }


def test_a_location_below_the_path_sent_is_below_the_path_received() -> None:
    moved = Translation(sent_path="/api/v1/apps/cam/data/x", received_path="/api/v1/areas/root/data/b__cam:x")
    assert moved.link("/api/v1/apps/cam/data/x/1") == "/api/v1/areas/root/data/b__cam:x/1"
    assert moved.link("/api/v1/apps/cam/data/xy") == "/api/v1/apps/cam/data/xy"


def test_etags_of_another_translation_match_nothing() -> None:
    marked = CAM.mark('"abc"')
    assert marked != '"abc"'
    assert CAM.unmark(f'{marked}, "old"', keep_others=False) == '"abc"'
    renamed = Translation(apps={"cam": "c__cam"})
    assert renamed.unmark(marked, keep_others=False) == ""
    assert renamed.unmark(marked, keep_others=True) == marked
    assert CAM.unmark("*", keep_others=False) == "*"


def test_nothing_called_differently_changes_nothing() -> None:
    assert VERBATIM.is_empty
    assert not CAM.is_empty
