"""An archive handed in: its entries, each a document to be, and what makes an entry or a whole archive refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from counterfoil.foundation.errors import CounterfoilError, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One file in an archive. `open` gives its bytes, unpacked as they are read, or raises why they are refused."""

    name: str
    """As it stands in the archive: it may be anything, and is never part of a path of ours."""
    size: int
    """How many bytes it has unpacked, by its own word; it is not unpacked beyond that."""
    open: Callable[[], BinaryIO]


class ArchiveDamaged(InvalidInput):
    """An archive that is incomplete, or says two things about itself."""

    code = "archive_damaged"
    advice = "Make the ZIP archive anew, or hand the files in without it."

    def __init__(self, what: str) -> None:
        super().__init__(f"This ZIP archive is damaged or incomplete: {what}.")


class ArchiveOverlaps(InvalidInput):
    """Entries that share bytes, as no program packs them but one that builds a bomb."""

    code = "archive_overlaps"
    advice = "Make the ZIP archive anew from the files themselves."

    def __init__(self) -> None:
        super().__init__("Entries of this ZIP archive lie on top of each other.")


class ArchiveTooLarge(InvalidInput):
    """Unpacked, it has more bytes than one batch may have."""

    code = "archive_too_large"
    status = 413
    advice = "Hand its files in with several smaller archives."

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"Unpacked, this ZIP archive is larger than the {max_bytes / (1 << 20):.3g} MB that are left.")


class ArchiveTooDense(InvalidInput):
    """It would grow as no archive of documents does."""

    code = "archive_too_dense"
    advice = "Hand the files in without the archive."

    def __init__(self, ratio: int) -> None:
        super().__init__(f"Unpacked, this ZIP archive would be more than {ratio} times as large as it is.")


class ArchiveTooFull(InvalidInput):
    """It has more entries than one batch may have files."""

    code = "archive_too_full"
    advice = "Hand its files in with several smaller archives."

    def __init__(self, max_entries: int) -> None:
        super().__init__(f"This ZIP archive has more files than the {max_entries} that a batch still takes.")


class ArchiveEmpty(InvalidInput):
    """There is no file in it."""

    code = "archive_empty"
    advice = "Look into the archive on your own machine: perhaps it holds only folders."

    def __init__(self) -> None:
        super().__init__("There is no file in this ZIP archive.")


class EntryEncrypted(InvalidInput):
    """An entry that needs a password."""

    code = "archive_entry_encrypted"
    advice = "Make the ZIP archive anew without a password."

    def __init__(self) -> None:
        super().__init__("This file is protected by the archive's password.")


class EntryDamaged(InvalidInput):
    """An entry whose bytes are not what the archive says of them."""

    code = "archive_entry_damaged"
    advice = "Make the ZIP archive anew, or hand the file in without it."

    def __init__(self, what: str) -> None:
        super().__init__(f"This file is damaged in its archive: {what}.")


class EntryNotAFile(InvalidInput):
    """An entry that is a link or a device."""

    code = "archive_entry_not_a_file"
    advice = "Put the file itself into the archive."

    def __init__(self) -> None:
        super().__init__("This entry of the archive is a link or a device, not a file.")


class EntryOutside(InvalidInput):
    """An entry whose name leads out of the folder that an archive is unpacked to."""

    code = "archive_entry_outside"
    advice = "Make the ZIP archive anew, with names that neither begin at the root nor go up."

    def __init__(self) -> None:
        super().__init__("The name of this entry leads out of the archive.")


class EntryPackedOddly(InvalidInput):
    """An entry in a compression that is not unpacked here."""

    code = "archive_entry_packed_oddly"
    advice = "Make the ZIP archive anew with the usual compression (deflate)."

    def __init__(self, method: int) -> None:
        super().__init__(f"This file is packed by a method that is not supported (number {method}).")


def refusing(error: CounterfoilError) -> Callable[[], BinaryIO]:
    """Return an `open` for an entry that is refused."""

    def refuse() -> BinaryIO:
        raise error

    return refuse
