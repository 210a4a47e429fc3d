"""Installs the versions of n8n that `make test-n8n` runs, and the Node that they run on, from npm.

It takes ten minutes and four gigabytes, once: what is there is left as it is. Scripts of packages are not run, since
some of them compile what nothing here needs; the driver of the database alone is built.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.n8n import FETCHED, NODE, VERSIONS, node_home

DONE = "installed"
OVERRIDES: Mapping[str, Mapping[str, str]] = {  # what these versions ask for and npm does not have
    "2.41.1": {"linkedom": "0.18.12"},
    "1.123.81": {"linkedom": "0.18.12", "xlsx": "0.18.5"},
}


def fetch(version: str) -> None:
    """Install a version unless it is there."""
    _fetch_node()
    folder = FETCHED / version
    if (folder / DONE).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    package = {"private": True, "dependencies": {"n8n": version}, "overrides": OVERRIDES[version]}
    (folder / "package.json").write_text(json.dumps(package), encoding="utf-8")
    _npm(folder, "install", "--ignore-scripts")
    _npm(folder, "rebuild", "sqlite3")
    (folder / DONE).touch()


def _fetch_node() -> None:
    folder = FETCHED / f"node-{NODE}"
    if not (folder / DONE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
        _npm(folder, "install", f"node@{NODE}")
        (folder / DONE).touch()


def _npm(folder: Path, *words: str) -> None:
    home = node_home()
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "npm_config_nodedir": str(home)}
    subprocess.run(
        ["nice", "npm", *words, "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, env=environment, check=True
    )


if __name__ == "__main__":
    for wanted in sys.argv[1:] or VERSIONS:
        fetch(wanted)
