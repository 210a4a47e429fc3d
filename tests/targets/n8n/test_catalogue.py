"""Each version of n8n knows every node of the workflows and every parameter; a misspelt one it would just not use."""

import pytest

from counterfoil.targets.n8n.kinds import KNOWN
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion
from tests.support.n8n import VERSIONS
from tests.support.n8n_catalogue import complaints

pytestmark = [pytest.mark.n8n, pytest.mark.parametrize("version", VERSIONS)]


def test_nothing_is_misspelt_or_missing(version: str) -> None:
    assert complaints(version, [receipt_to_notion(Options()), hand_in_from_mailbox()]) == []


def test_what_is_misspelt_missing_or_unknown_is_told(version: str) -> None:
    workflow = receipt_to_notion(Options())
    nodes = {node["name"]: node for node in workflow["nodes"]}
    nodes["Get Notion Schema"]["parameters"]["options"]["timeOut"] = 1
    nodes["Create Notion Page"]["parameters"]["url"] = ""
    nodes["Vision Model"]["typeVersion"] = 99
    found = complaints(version, [workflow])
    assert "Get Notion Schema: .options.timeOut is not used" in found
    assert any(one.startswith("Create Notion Page:") and "required" in one for one in found)
    assert any(one.endswith("99 is not known") for one in found)


def test_every_kind_that_the_lint_lets_pass_is_known(version: str) -> None:
    nodes = [
        {"name": kind.type, "type": kind.type, "typeVersion": kind.version, "parameters": {}}
        for kind in sorted(KNOWN, key=str)
    ]
    assert [one for one in complaints(version, [{"nodes": nodes}]) if one.endswith("is not known")] == []
