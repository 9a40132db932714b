"""Entity collections, merged details and relations: ready bytes of one generation, never the network."""

from aiohttp import hdrs, web

from gateway.http import errors
from gateway.http.answer import WholeAnswer, has_current
from gateway.http.documents import Documents, Rendered
from gateway.http.gaps import wants_strict
from gateway.http.handlers.server import READABLE
from gateway.http.lookup import find_entity, find_related, gone
from gateway.http.path import EntityCollection, EntityPath, relation_names
from gateway.http.request import ApiRequest


async def answer_entities(
    request: ApiRequest, documents: Documents, parsed: EntityCollection | EntityPath, *, own: bool = False
) -> web.StreamResponse:
    """The document at `parsed`; `own`: what is ours alone, as the Target of a request answers it.

    Raises ApiError: 404 no such route, 400 or 404 as `lookup` says, 502 or 504 for an entity whose gateways are all
    silent, 501 for `docs`, 502 or 504 instead of a partial answer if the client wants all or nothing.
    """
    if request.method not in READABLE:
        raise errors.no_route()
    if isinstance(parsed, EntityCollection):
        return answer_document(request, await documents.list_of(parsed.kind, own=own))
    return answer_document(request, _document(documents, parsed, own=own))


def answer_document(request: ApiRequest, rendered: Rendered) -> WholeAnswer:
    """The document as this client wants it: 304 when it has it, an error instead of a partial one if it says so."""
    headers = [("Content-Type", "application/json")]
    if wants_strict(request.headers.getall("Prefer", ())):
        if rendered.gaps:
            raise errors.partial_refused(rendered.gaps)
        headers.append(("Preference-Applied", "handling=strict"))
    if rendered.etag is None:
        headers.append((hdrs.CACHE_CONTROL, "no-store"))
        return WholeAnswer(200, headers, rendered.body)
    headers += [(hdrs.ETAG, rendered.etag), (hdrs.CACHE_CONTROL, "no-cache")]
    if has_current(request, rendered.etag):
        return WholeAnswer(304, headers)
    return WholeAnswer(200, headers, rendered.body)


def _document(documents: Documents, parsed: EntityPath, *, own: bool) -> Rendered:
    match parsed.rest:
        case ():
            return _detail(documents, parsed, own=own)
        case (name,) if name in relation_names(parsed.kind):
            return _relation(documents, parsed, name, own=own)
        case (*_, "docs"):
            raise errors.not_implemented("docs")
        case _:
            raise errors.no_route()


def _detail(documents: Documents, parsed: EntityPath, *, own: bool) -> Rendered:
    entity = find_entity(documents.view, parsed.kind, parsed.entity_id, own=own)
    rendered = documents.detail(entity.kind, entity.id, own=own)
    if rendered is None or not entity.available:
        raise gone(documents.view, entity)
    return rendered


def _relation(documents: Documents, parsed: EntityPath, name: str, *, own: bool) -> Rendered:
    """Relations of an entity that stays listed are told although its gateway is silent."""
    entity = find_related(documents.view, parsed.kind, parsed.entity_id, own=own)
    rendered = documents.relation(entity.kind, entity.id, name, own=own)
    if rendered is None or not entity.listed:
        raise gone(documents.view, entity)
    return rendered
