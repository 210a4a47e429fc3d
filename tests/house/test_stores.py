"""No store can be asked without a workspace."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import counterfoil

# The engine works for all workspaces at once; what it finds carries its own. Nobody else may call these.
OF_THE_ENGINE = {
    "SqlWorkspaceStore": {"ensure_default"},
    "SqlAuditStore": {"waiting", "workspaces"},
    "SqlApiKeyStore": {"find"},  # by the hash of a secret, which tells the workspace
    # People, who may belong to several workspaces, are known before one of these is.
    "SqlUserStore": {"any", "add", "get", "by_email", "all", "rename", "disable", "password", "set_password"},
    "SqlMemberStore": {"of"},
    "SqlSessionStore": {"add", "visit", "seen", "of", "end", "end_by", "end_all", "end_over"},
    "SqlDeviceStore": {"knows", "note"},
    "SqlFailureStore": {"hold", "save", "remove", "forget"},
    "SqlTicketStore": {"add", "find", "use", "withdraw"},
    # By a secret token, which tells the workspace, or for n8n, which knows a secret and says whose job it means.
    "SqlJobStore": {"callback", "newest_callback"},
    "SqlTargetStore": {"counts"},  # for the metrics, which hold numbers only
    "SqlEventStore": {"glances", "lines", "stirring"},
    "SqlLeaseStore": {
        "alone_waits",
        "answers",
        "children_of",
        "claim",
        "claim_one",
        "claimed_by",
        "holds",
        "set_progress",
        "settle",
        "to_stop",
    },
    "SqlUpkeepStore": {
        "candidates",
        "counts",
        "decide",
        "due",
        "expired",
        "has_work",
        "may_release",
        "orphans",
        "queues",
        "ready",
        "release",
        "remove_dead",
        "remove_finished",
        "remove_surplus",
        "room",
        "unblocked",
    },
    "SqlRateLimitStore": {"forget_idle"},
    "SqlBreakerStore": {"forget_idle"},
    "SqlScheduleStore": {"due"},
}


def _stores() -> Iterator[type]:
    for info in pkgutil.walk_packages(counterfoil.__path__, "counterfoil."):
        if ".infrastructure." in info.name:
            module = importlib.import_module(info.name)
            yield from (
                one
                for name, one in inspect.getmembers(module, inspect.isclass)
                if name.endswith("Store") and one.__module__ == info.name
            )


def _carries_one(kind: Any) -> bool:
    parts = [kind, *get_args(kind)]
    return any("workspace" in getattr(part, "__dataclass_fields__", {}) for part in parts)


def test_every_method_of_a_store_names_the_workspace_or_something_that_carries_it() -> None:
    stores = list(_stores())
    assert len(stores) > 5
    free = []
    for store in stores:
        allowed = OF_THE_ENGINE.get(store.__name__, set())
        for name, method in inspect.getmembers(store, inspect.isfunction):
            if name.startswith("_") or name in allowed:
                continue
            annotations = inspect.get_annotations(method, eval_str=True)
            if "workspace" not in annotations and not any(map(_carries_one, annotations.values())):
                free.append(f"{store.__name__}.{name}")
    assert free == []
