"""Secrets that prove something to whoever looks up their digest: 256 random bits, of which only the SHA-256 is kept."""

import hashlib
import secrets


def new_proof() -> str:
    """Return a secret that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(proof: str) -> str:
    """Return what is kept of a secret. It has so many random bits that no slow hash is needed."""
    return hashlib.sha256(proof.encode("utf-8", "surrogatepass")).hexdigest()
