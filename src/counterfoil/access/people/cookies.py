"""The cookies by which a browser shows a session, and that it has logged in before."""

from collections.abc import Mapping
from dataclasses import dataclass

_SESSION = "counterfoil_session"
_DEVICE = "counterfoil_device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """What the cookies are called. Over HTTPS, browsers take their names for a promise that only we have set them."""

    secure: bool

    @classmethod
    def at(cls, public_url: str) -> "Cookies":
        """Return those of an installation that people reach at this address."""
        return cls(secure=public_url.lower().startswith("https://"))

    @property
    def session_name(self) -> str:
        return self._named(_SESSION)

    @property
    def device_name(self) -> str:
        return self._named(_DEVICE)

    def session(self, headers: Mapping[str, str]) -> str | None:
        """Return the proof of a session, if a request shows one."""
        return _found(self.session_name, headers)

    def device(self, headers: Mapping[str, str]) -> str | None:
        """Return what shows that the browser was here before, if it does."""
        return _found(self.device_name, headers)

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


def _found(name: str, headers: Mapping[str, str]) -> str | None:
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return next((value for key, _, value in pairs if key == name and value), None)
