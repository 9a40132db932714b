"""Which requests are answered by a stream without an end. Pure."""

from gateway.http.path import EntityCollection, EntityPath, Route, ServerPath
from gateway.http.request import ApiRequest


def flows(request: ApiRequest, route: Route) -> bool:
    """Whether the answer is made of events, and goes on until somebody leaves."""
    if "text/event-stream" in request.headers.get("Accept", ""):
        return True
    match route:
        case ServerPath(name=name, rest=rest):
            return name == "x-medkit-events" or rest == ("stream",)
        case EntityPath(rest=(*_, "events")):
            return True
        case EntityPath() | EntityCollection():
            return False
