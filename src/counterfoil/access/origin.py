"""Whether a request comes from a page of ours: browsers send cookies also when another site makes them."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from counterfoil.access.errors import CrossSite

_CHANGES_NOTHING: Final = {"GET", "HEAD", "OPTIONS"}


def refuse_other_sites(method: str, headers: Mapping[str, str], *, proof_needed: bool) -> None:
    """Return if a request changes nothing or comes from a page of ours, by what browsers say and pages cannot.

    A request that says nothing of where it comes from is not a browser's of today; it may pass unless proof is needed.

    Raises:
        CrossSite: it does not, or does not show it.
    """
    ours = _comes_from_here(headers)
    if method not in _CHANGES_NOTHING and (ours is False or (ours is None and proof_needed)):
        raise CrossSite


def _comes_from_here(headers: Mapping[str, str]) -> bool | None:
    if site := headers.get("sec-fetch-site"):
        return site in {"same-origin", "none"}
    if origin := headers.get("origin"):
        return _place(origin) == headers.get("host", "").lower()
    return None


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
