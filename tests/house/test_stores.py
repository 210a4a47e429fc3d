"""No store can be asked without a workspace."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import counterfoil

# The engine works for all workspaces at once; what it finds carries its own. Nobody else may call these.
OF_THE_ENGINE = {
    "SqlJobStore": {"release", "claim", "settle", "holds", "set_progress", "orphans", "counts", "retry", "add"},
    "SqlWorkerStore": {"register", "beat", "dead", "bury"},
    "LockedWorkerStore": {"register", "beat", "dead", "bury"},
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
            carries = any("workspace" in getattr(kind, "__dataclass_fields__", {}) for kind in annotations.values())
            if "workspace" not in annotations and not carries:
                free.append(f"{store.__name__}.{name}")
    assert free == []
