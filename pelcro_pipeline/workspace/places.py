"""Where things stand under PELCRO_HOME: the fixed interface, as paths."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.workspace.atomic import is_temporary

#: The extract's name is a folder, a partition key and a file name.
_EXTRACT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: The day that most names end in: harbour-review-2026-10-01.
_DELIVERED_ON = re.compile(r"[._-]?(\d{4})-?(\d{2})-?(\d{2})$")


#: The variable that names the workspace.
HOME = "PELCRO_HOME"


def home(named: str | None = None) -> Path:
    """``named``, or else what PELCRO_HOME names, or the project's ``data`` folder. Raises UnusableInputError for a file."""
    default = Path(__file__).resolve().parents[2] / "data"
    at = Path(named or os.environ.get(HOME) or default).expanduser().resolve()
    if at.is_file():
        raise UnusableInputError(f"{HOME} is {at}, a file: name a folder.")
    return at


def is_extract_name(name: str) -> bool:
    """Whether a name can be an extract's: none that would make its places another extract's."""
    taken = is_temporary(name) or name.endswith((".", ".lock")) or ".duckdb" in name
    return _EXTRACT_NAME.fullmatch(name) is not None and not taken


@dataclass(frozen=True)
class ExtractPaths:
    """Every place that belongs to one extract."""

    home: Path
    extract: str

    def __post_init__(self) -> None:
        if not is_extract_name(self.extract):
            raise UnusableInputError(
                f"The extract's name {self.extract!r} cannot be used: give it letters, digits, "
                "dots, hyphens and underscores, a letter or digit first, at most 100."
            )

    @property
    def delivered(self) -> Path:
        return self.home / "extracts" / self.extract

    @property
    def tables(self) -> Path:
        """What the steps hand each other; made anew by every run."""
        return self.home / "tables" / self.extract

    @property
    def manifest(self) -> Path:
        return self.tables / "raw" / "manifest.json"

    @property
    def conversion(self) -> Path:
        return self.tables / "conversion"

    @property
    def analysis(self) -> Path:
        return self.tables / "analysis"

    @property
    def prepared(self) -> Path:
        return self.home / "prepared" / self.extract

    @property
    def checksums(self) -> Path:
        """The checksums of the prepared files: beside them they would look like files to upload."""
        return self.tables / "prepared"

    @property
    def archive(self) -> Path:
        return self.home / "archive" / self.extract

    @property
    def folders(self) -> tuple[Path, ...]:
        """Each folder that a run replaces as a whole."""
        handed_on = (self.manifest.parent, self.conversion, self.analysis, self.checksums)
        return (self.delivered, *handed_on, self.prepared, self.archive)

    @property
    def reports(self) -> Path:
        return self.home / "reports" / self.extract

    @property
    def profile(self) -> Path:
        return self.reports / "profile.csv"

    @property
    def statistics(self) -> Path:
        return self.reports / "statistics.csv"

    @property
    def judged_otherwise(self) -> Path:
        """What the day of a load decided otherwise than the one that was signed."""
        return self.reports / "judged_otherwise.csv"

    @property
    def shareable(self) -> Path:
        """The reports with pseudonyms, to be given away."""
        return self.reports / f"{self.extract}-shareable.zip"

    @property
    def statistics_digest(self) -> Path:
        return self.tables / "statistics.sha256"

    @property
    def sign_off(self) -> Path:
        return self.home / "sign_offs" / f"{self.extract}.toml"

    @property
    def spill(self) -> Path:
        """Where a run's DuckDB puts what its memory does not hold."""
        return self.home / "spill" / self.extract

    @property
    def lock(self) -> Path:
        """What a run on the extract holds locked."""
        return self.home / "tables" / f"{self.extract}.lock"

    def database(self, environment: str) -> Path:
        """``environment`` is ``staging`` or ``production``."""
        return self.home / environment / f"{self.extract}.duckdb"


def extracts(at: Path) -> list[str]:
    """The extracts that stand in a workspace, by name; a folder whose name is none's is passed over."""
    folder = at / "extracts"
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and is_extract_name(each.name))


def newest_of_each_publisher(names: list[str]) -> list[str]:
    """Of the extracts whose names differ in their day alone, the last."""

    def publisher(name: str) -> str:
        return _DELIVERED_ON.sub("", name)

    def day(name: str) -> tuple[str, ...]:
        dated = _DELIVERED_ON.search(name)
        return dated.groups() if dated else ()

    return [max(own, key=lambda name: (day(name), name)) for _, own in groupby(sorted(names, key=publisher), publisher)]


def content_digest(folder: Path, files: Iterable[Path]) -> str:
    """One digest of files of the folder by name and content."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def fingerprint(folder: Path) -> str:
    """Changes whenever a file of the folder is added, taken away, renamed or written to; reads none of them."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            # As the system holds it: a name need not be UTF-8.
            digest.update(os.fsencode(path.relative_to(folder)) + f"\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()
