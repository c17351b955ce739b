"""A delivered folder: only what stands in it is read, and only what is a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pelcro_pipeline.errors import UnusableInputError

#: The publisher's sample pairs of hash and plain text.
PASSWORD_SAMPLES = "password_samples.csv"
#: What the payment processor hands back after it has taken the cards over: one of the two.
CARD_MAPS = ("cards.json", "cards.csv")
#: What a reviewer of the sample hands back: a word on what was made of the delivery, and no part of it.
SAMPLE_REVIEWS = ("sample.xlsx", "sample_review.csv")
#: What the owners of the going-live list say.
GOING_LIVE = "going_live.csv"
#: Both tell nothing of what was delivered: ticking off voids no sign-off.
TICKED_OFF = (*SAMPLE_REVIEWS, GOING_LIVE)
#: What was seen of a site where the API's documentation is silent.
ASSUMPTIONS = "assumptions.toml"
#: What comes when the delivery has been signed: the card map is made during the freeze.
LATER = (*TICKED_OFF, *CARD_MAPS, ASSUMPTIONS)
#: What systems and open spreadsheets leave in a folder, in any case.
_LEFT_BEHIND = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


def is_passed_over(name: str) -> bool:
    """Whether nothing of that name was ever delivered: hidden files, lock files, what systems leave behind."""
    return name.startswith((".", "~$")) or name.lower() in _LEFT_BEHIND


def own_file(path: Path) -> Path:
    """``path``. Raises UnusableInputError where it is no readable file of the folder that it stands in."""
    inside = path.parent.resolve().name
    if not path.name.isprintable():
        raise UnusableInputError(
            f"The file name {path.name!r} in {inside} holds characters that cannot be shown: "
            "rename the file and deliver again."
        )
    if not path.is_file() or not path.resolve().is_relative_to(path.parent.resolve()):
        raise UnusableInputError(
            f"{path.name} in {inside} is no file of this folder: take it out, or name it under ignore in extract.toml."
        )
    if not os.access(path, os.R_OK):
        raise UnusableInputError(
            f"{path.name} in {inside} may not be read: give its reader the permission, and run again."
        )
    return path


def refuse_to_copy(folder: Path) -> None:
    """Raise UnusableInputError where the folder holds what a copy would hang or fail on.

    A pipe waits for a writer, a device may never end; links are copied as links.
    """
    unreadable: list[OSError] = []
    for inside, folders, files in os.walk(folder, onerror=unreadable.append):
        for path in (Path(inside, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                raise UnusableInputError(
                    f"{path} is a pipe, a socket or a device, and no file: take it out of the folder."
                )
            if stat.S_ISREG(mode) and not os.access(path, os.R_OK):
                raise UnusableInputError(f"{path} may not be read: give its reader the permission, and run again.")
    if unreadable:
        raise UnusableInputError(f"{unreadable[0].filename} cannot be read: {unreadable[0].strerror}.")
