"""Signed heads of audit chains in the data folder, and the key that signs them: who writes the database has neither."""

import base64
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.access.audit.domain import Head
from counterfoil.access.audit.errors import HeadNotOurs
from counterfoil.access.audit.json_form import SignedHead
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.files import write_atomically

KEY_NAME = "audit.key"


@dataclass(frozen=True)
class HeadFiles:
    """Keeps heads in a folder, a file for each workspace, beside the key, which is made on first use."""

    folder: Path

    def sign(self, head: Head) -> str:
        return base64.b64encode(self._key.sign(head.statement)).decode()

    def checked(self, signed: SignedHead) -> Head:
        try:
            self._key.public_key().verify(base64.b64decode(signed.signature, validate=True), signed.head.statement)
        except (InvalidSignature, ValueError):
            raise HeadNotOurs from None
        return signed.head

    def keep(self, head: Head) -> None:
        content = SignedHead.of(head, self.sign(head)).model_dump_json().encode()
        write_atomically(self._file(head.workspace), lambda stream: stream.write(content))

    def kept(self, workspace: WorkspaceId) -> Head | None:
        try:
            return self.checked(SignedHead.read(self._file(workspace).read_bytes()))
        except FileNotFoundError:
            return None

    def _file(self, workspace: WorkspaceId) -> Path:
        return self.folder / f"{workspace}.head.json"

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        path = self.folder / KEY_NAME
        if not path.exists():
            _make_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, Ed25519PrivateKey)  # noqa: S101 - we made it
        return key


def _make_key(path: Path) -> None:
    """Make a key that nobody but the owner can read; if another process does at the same moment, one key remains."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ours = path.with_suffix(f".{os.getpid()}")
    write_atomically(ours, lambda stream: stream.write(pem))
    with suppress(FileExistsError):
        path.hardlink_to(ours)
    ours.unlink()
