"""The entrance for programs: `Authorization: Bearer cfk_…`. It costs one read by an index, and no slow hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from counterfoil.access.domain import Principal
from counterfoil.access.keys.domain import PREFIX, ApiKey, Flaw, KeyRefused, Secret
from counterfoil.access.keys.protocols import ApiKeyStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.metrics import Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntrance:
    """Knows programs by their API keys."""

    database: Database
    store: ApiKeyStore
    metrics: Metrics

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """Return the program that makes a request with these headers; None if they show no API key.

        Raises:
            KeyRefused: they show one that lets nobody in.
        """
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        shown = shown.strip()
        if scheme.lower() != "bearer" or not shown.startswith(PREFIX):
            return None
        key, now = self._found(shown)
        if flaw := key.flaw(now):
            raise self._refused(flaw, key)
        if not key.used_lately(now):
            self._note_use(key)
        return Principal(workspace=key.workspace, permissions=key.permissions, actor=key.actor)

    def _found(self, shown: str) -> tuple[ApiKey, datetime]:
        """Return the key of what is shown, and the time by the database."""
        secret = Secret.read(shown)
        if secret is None:
            raise self._refused(Flaw.MALFORMED)
        with self.database.reading() as tx:
            key, now = self.store.find(tx, secret.sha256), tx.now()
        if key is None:
            raise self._refused(Flaw.UNKNOWN)
        return key, now

    def _refused(self, flaw: Flaw, key: ApiKey | None = None) -> KeyRefused:
        self.metrics.auth_failures.labels(method="key").inc()
        log.warning("key_refused", reason=flaw.value, key=str(key.id) if key else None)
        return KeyRefused()

    def _note_use(self, key: ApiKey) -> None:
        """Keep that a key was used; a request that cannot have that kept is answered all the same."""
        try:
            with self.database.transaction(key.workspace) as tx:
                self.store.note_use(tx, key.workspace, key.id, tx.now())
        except CounterfoilError as error:
            log.warning("key_use_not_noted", key=str(key.id), error_code=error.code)
