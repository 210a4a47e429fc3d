"""Runs the code of a workflow's nodes in Node, with what n8n would hand to it."""

import json
import subprocess
from typing import Any

from counterfoil.targets.n8n.nodes import source
from tests.support.n8n import node_home

_AROUND = """
const { code, json } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const item = (value) => ({ first: () => ({ json: value }), all: () => [{ json: value }] });
const named = (name) => {
  if (!(name in json)) throw new Error(`nobody is called ${name}`);
  return item(json[name]);
};
const AsyncFunction = (async () => {}).constructor;
new AsyncFunction('$', '$input', code)(named, item(json.$input)).then(
  (items) => console.log(JSON.stringify({ items })),
  (error) => console.log(JSON.stringify({ error: error.message })),
);
"""


class Refused(Exception):
    """The code has thrown an error."""


def run(name: str, json_of: dict[str, Any]) -> dict[str, Any]:
    """Return the one item that a source makes of what the nodes before it gave; `$input` is its own."""
    asked = json.dumps({"code": source(name), "json": json_of})
    node = str(node_home() / "bin" / "node")
    ended = subprocess.run([node, "-e", _AROUND], input=asked, capture_output=True, text=True, check=True)
    said = json.loads(ended.stdout)
    if "error" in said:
        raise Refused(said["error"])
    item: dict[str, Any]
    (item,) = said["items"]
    return item
