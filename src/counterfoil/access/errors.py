"""Why somebody is not let in, or not allowed to do what they ask for, or not where they want to."""

from collections.abc import Collection

from counterfoil.access.domain import Permission, Role
from counterfoil.foundation.errors import Forbidden, NotFound, Unauthorized


class LoginNeeded(Unauthorized):
    """Nothing in the request says who makes it."""

    code = "login_needed"

    def __init__(self) -> None:
        super().__init__("Nothing in the request says who makes it.")


class CrossSite(Forbidden):
    """A page of another site has made a browser send this, or nothing shows that it was one of ours."""

    code = "cross_site"
    advice = "Send it from a page of this installation, with an Origin that is the same as Host, or with an API key."

    def __init__(self) -> None:
        super().__init__("Nothing shows that a page of this installation has sent this.")


class NotPermitted(Forbidden):
    """Who asks may not do this in this workspace."""

    code = "not_permitted"

    def __init__(self, lacking: Collection[Permission]) -> None:
        able = [role for role in Role if role.permissions.issuperset(lacking)]
        super().__init__(f"This takes {' and '.join(sorted(lacking))}, which {_list(able)} may do.")


class WorkspaceNotFound(NotFound):
    """There is no such workspace, or none that this person is a member of."""

    code = "workspace_not_found"
    advice = "Choose one of those that GET /api/v1/workspaces lists, or ask one of its owners for an invitation."

    def __init__(self, named: object = "for you") -> None:
        super().__init__(f"There is no workspace {str(named)[:50]}.")


def _list(roles: Collection[Role]) -> str:
    names = [role.value for role in roles]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
