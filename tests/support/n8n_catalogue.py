"""Holds workflows against what a version of n8n knows of its nodes, without starting it."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.support.n8n import FETCHED, node_home

_LOOK = """
const { modules, workflows } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const { NodeHelpers } = require(`${modules}/n8n-workflow`);
const known = ['n8n-nodes-base', '@n8n/n8n-nodes-langchain'].flatMap((pack) => (
  require(`${modules}/${pack}/dist/types/nodes.json`).map((kind) => ({ ...kind, type: `${pack}.${kind.name}` }))
));
const paths = (value, path) => (value !== null && typeof value === 'object'
  ? Object.entries(value).flatMap(([key, inner]) => [`${path}.${key}`, ...paths(inner, `${path}.${key}`)])
  : []);
const complaints = workflows.flatMap(({ nodes }) => nodes).flatMap((node) => {
  const kind = known.find(({ type, version }) => type === node.type && [version].flat().includes(node.typeVersion));
  if (!kind) return [`${node.name}: ${node.type} ${node.typeVersion} is not known`];
  const taken = NodeHelpers.getNodeParameters(kind.properties, node.parameters, true, false, node, kind);
  const used = new Set(paths(taken, ''));
  const issues = NodeHelpers.getNodeParametersIssues(kind.properties, node, kind)?.parameters ?? {};
  return [
    ...paths(node.parameters, '').filter((path) => !used.has(path)).map((path) => `${node.name}: ${path} is not used`),
    ...Object.values(issues).flat().map((issue) => `${node.name}: ${issue}`),
  ];
});
console.log(JSON.stringify(complaints));
"""


def complaints(version: str, workflows: Sequence[dict[str, Any]]) -> list[str]:
    """Return which nodes a version does not know, which parameters it does not use, and which it lacks."""
    asked = json.dumps({"modules": str(FETCHED / version / "node_modules"), "workflows": list(workflows)})
    node = str(node_home() / "bin" / "node")
    ended = subprocess.run([node, "-e", _LOOK], input=asked, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(ended.stdout)
    return found
