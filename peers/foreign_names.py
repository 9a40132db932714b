"""What gateways behind a foreign one are called, made fit to be names of links and to be shown. Pure."""

import hashlib
import re
from typing import Final

from entities.records import is_peer_name

MAX_SHOWN: Final = 200
"""Characters that are kept of a name that had to be changed."""

_UNFIT: Final = re.compile(r"[^A-Za-z0-9-]+")
"""What may not stand in the name of a peer, or not twice in a row."""


def fit_name(told: str) -> str:
    """The name as it was told if it can be one; else one like it, and no other gateway's."""
    if is_peer_name(told):
        return told
    digest = hashlib.sha256(told.encode(errors="replace")).hexdigest()[:8]
    like_it = _UNFIT.sub("_", told[:MAX_SHOWN]).strip("_") or "unnamed"
    return f"{like_it}-{digest}"
