"""What stands in the way of showing that the audit log is whole."""

from counterfoil.foundation.errors import Conflict, InvalidInput


class HeadUnreadable(InvalidInput):
    """A file holds no head of an audit log."""

    code = "head_unreadable"
    advice = "Give a file that counterfoil audit head has written."

    def __init__(self) -> None:
        super().__init__("This is no signed head of an audit log.")


class HeadNotOurs(Conflict):
    """A head was not signed by this installation, or was changed since."""

    code = "head_not_ours"
    advice = "Verify it where it was written. If that is here, somebody has changed it, or the key in DATA_DIR."

    def __init__(self) -> None:
        super().__init__("This head of an audit log was not signed by this installation.")
