"""Why somebody is not let in, or not allowed to do what they ask for, or not where they want to."""

from collections.abc import Collection

from counterfoil.access.domain import Permission, Role, WorkspaceId
from counterfoil.foundation.errors import Forbidden, NotFound, Unauthorized


class LoginNeeded(Unauthorized):
    """Nothing in the request says who makes it."""

    code = "login_needed"

    def __init__(self) -> None:
        super().__init__("Nothing in the request says who makes it.")


class NotPermitted(Forbidden):
    """Who asks may not do this in this workspace."""

    code = "not_permitted"

    def __init__(self, lacking: Collection[Permission]) -> None:
        able = [role for role in Role if role.permissions.issuperset(lacking)]
        super().__init__(f"This takes {' and '.join(sorted(lacking))}, which {_list(able)} may do.")


class WorkspaceNotFound(NotFound):
    """No such workspace."""

    code = "workspace_not_found"

    def __init__(self, workspace: WorkspaceId) -> None:
        super().__init__(f"There is no workspace {workspace}.")


def _list(roles: Collection[Role]) -> str:
    names = [role.value for role in roles]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
