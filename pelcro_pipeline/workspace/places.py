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
from pelcro_pipeline.workspace.intake import ASSUMPTIONS, LATER

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

    def migration_day(self, environment: str) -> Path:
        """What was forecast before ``environment`` was loaded; made anew by every run."""
        return self.tables / f"{environment}_day"

    @property
    def forecast(self) -> Path:
        """What each day brings, in each currency."""
        return self.reports / "forecast.csv"

    @property
    def forecast_page(self) -> Path:
        return self.reports / "forecast.html"

    @property
    def forecast_workbook(self) -> Path:
        return self.reports / "forecast.xlsx"

    @property
    def forecast_subscriptions(self) -> Path:
        """What each day brings to each subscription."""
        return self.reports / "forecast_subscriptions.csv"

    @property
    def surprises(self) -> Path:
        """What a publisher would not expect of the migration day."""
        return self.reports / "surprises.csv"

    @property
    def cards(self) -> Path:
        """What is to be looked into of the processor's card map."""
        return self.reports / "cards.csv"

    @property
    def conservation(self) -> Path:
        """Money, copies and shipments of each plan: received, and what became of them."""
        return self.reports / "conservation.csv"

    @property
    def money_difference(self) -> Path:
        """What production will bill otherwise than the dry run told."""
        return self.reports / "money_difference.csv"

    @property
    def seam(self) -> Path:
        """What the old system would have charged next, beside what Pelcro will."""
        return self.reports / "seam.csv"

    @property
    def archive(self) -> Path:
        return self.home / "archive" / self.extract

    @property
    def folders(self) -> tuple[Path, ...]:
        """Each folder that a run replaces as a whole."""
        handed_on = (self.manifest.parent, self.conversion, self.analysis, self.checksums)
        handed_on += tuple(map(self.migration_day, ("staging", "production")))
        return (self.delivered, *handed_on, self.prepared, self.archive, self.annotated)

    @property
    def reports(self) -> Path:
        return self.home / "reports" / self.extract

    @property
    def annotated(self) -> Path:
        """The delivered files as workbooks, each finding on its cell."""
        return self.reports / "annotated"

    @property
    def profile(self) -> Path:
        return self.reports / "profile.csv"

    @property
    def questions(self) -> Path:
        return self.reports / "questions.csv"

    @property
    def going_live(self) -> Path:
        return self.reports / "going_live.csv"

    @property
    def password_resets(self) -> Path:
        """The customers who need an email to set a password, and why: none of theirs was migrated, or one that lets nobody in."""
        return self.reports / "password_resets.csv"

    @property
    def passwords(self) -> Path:
        """What is known of the passwords: counts by scheme, and nobody's data."""
        return self.reports / "passwords.csv"

    @property
    def proven_passwords(self) -> Path:
        """How many sample pairs of each scheme have verified, as the judgement counted them: verifying takes seconds."""
        return self.analysis / "proven_passwords.json"

    @property
    def scope(self) -> Path:
        return self.reports / "scope.csv"

    @property
    def analysis_report(self) -> Path:
        """What a publisher reads first: one page."""
        return self.reports / "analysis.html"

    @property
    def verdict(self) -> Path:
        """The report's first sentence, for who asks on a command line."""
        return self.tables / "verdict.txt"

    @property
    def rows_by_rule(self) -> Path:
        """The findings of each rule in a file of their own."""
        return self.reports / "findings"

    @property
    def all_questions(self) -> Path:
        """Every question with its state, the answered ones included, as the next run looks them up."""
        return self.analysis / "questions.parquet"

    @property
    def questions_workbook(self) -> Path:
        """The same, to fill in."""
        return self.reports / "questions.xlsx"

    @property
    def statistics(self) -> Path:
        return self.reports / "statistics.csv"

    @property
    def statistics_page(self) -> Path:
        return self.reports / "statistics.html"

    @property
    def statistics_workbook(self) -> Path:
        return self.reports / "statistics.xlsx"

    @property
    def counts(self) -> tuple[Path, ...]:
        """The reports that hold numbers and the names of what is sold, and nobody's data: a purge keeps them."""
        return self.statistics, self.statistics_page, self.statistics_workbook

    @property
    def ledger(self) -> Path:
        """The ledger as people read it."""
        return self.reports / "ledger.csv"

    @property
    def judged_otherwise(self) -> Path:
        """What the day of a load decided otherwise than the one that was signed."""
        return self.reports / "judged_otherwise.csv"

    def compared_with(self, older: str) -> Path:
        """What differs between the extract ``older`` and this one."""
        return self.reports / f"compared_with_{older}.csv"

    @property
    def comparisons(self) -> list[Path]:
        """The reports, and what is left of half-written ones, that other extracts were compared with this one in."""
        return sorted(self.reports.parent.glob(f"*/{self.compared_with(self.extract).name}*"))

    @property
    def certificate(self) -> Path:
        """The differences that the certificate has found."""
        return self.reports / "certificate.csv"

    @property
    def shareable(self) -> Path:
        """The reports with pseudonyms, to be given away."""
        return self.reports / f"{self.extract}-shareable.zip"

    @property
    def statistics_digest(self) -> Path:
        return self.tables / "statistics.sha256"

    @property
    def sample(self) -> Path:
        """Which customers the review sample holds, and what their cells say, as digests."""
        return self.tables / "sample.json"

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

    @property
    def journals(self) -> Path:
        """What is known of calls to sites; with it goes the way back."""
        return self.home / "journals" / self.extract

    def journal(self, environment: str) -> Path:
        """Of each object that was sent to a site, what came of it."""
        return self.journals / f"{environment}.sqlite"

    def site_plan(self, environment: str) -> Path:
        """What the load of a site calls: it walks this file, and goes on in it when it is run again."""
        return self.journals / f"{environment}.plan.parquet"

    def site_plan_summary(self, environment: str) -> Path:
        """The same in numbers, with the digest that is signed."""
        return self.journals / f"{environment}.plan.json"

    def site_image(self, environment: str) -> Path:
        """The database that a site was loaded from: a newer one may stand in its place by the time of a revert."""
        return self.journals / f"{environment}.image.duckdb"

    def site_revert(self, environment: str) -> Path:
        """What a revert of a site calls."""
        return self.journals / f"{environment}.revert.parquet"

    def revert_report(self, environment: str) -> Path:
        """What a revert of a site would take back, and what it leaves, as people read it."""
        return self.reports / f"revert.{environment}.csv"

    def site_stops(self, environment: str) -> Path:
        """What the plan does not send, and why: the load adds what the site refuses."""
        return self.journals / f"{environment}.stops.parquet"

    def site_rows(self, environment: str) -> Path:
        """The rows of a site while they are compared."""
        return self.journals / f"{environment}.rows"

    def site_database(self, environment: str) -> Path:
        """A site as it was read back, in the tables of a target."""
        return self.journals / f"{environment}.site.duckdb"

    def plan_report(self, environment: str) -> Path:
        """What a load of a site would do, as people read it."""
        return self.reports / f"plan.{environment}.csv"

    def window_report(self, environment: str) -> Path:
        """How long a load of a site takes, and the last moments to start and to turn back."""
        return self.reports / f"window.{environment}.csv"

    @property
    def assumptions(self) -> Path:
        """What was seen of the staging site where the API's documentation is silent."""
        return self.delivered / ASSUMPTIONS

    def site_findings(self, environment: str) -> Path:
        """What a site refuses, or would: as findings."""
        return self.reports / f"site_findings.{environment}.csv"

    def reconciliation(self, environment: str) -> Path:
        """What a site has otherwise than was prepared."""
        return self.reports / f"reconciliation.{environment}.csv"

    @property
    def publisher(self) -> str:
        """The extract's name without its day: whose readers they are, whichever extract brings them."""
        return _publisher(self.extract)

    def site_lock(self, name: str) -> Path:
        """What a load holds locked of a site, whichever extract it is of: its limit is the account's."""
        return self.home / "sites" / f"{name}.lock"


def extracts(at: Path) -> list[str]:
    """The extracts that stand in a workspace, by name; a folder whose name is none's is passed over."""
    folder = at / "extracts"
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and is_extract_name(each.name))


def newest_of_each_publisher(names: list[str]) -> list[str]:
    """Of the extracts whose names differ in their day alone, the last."""
    return [max(own, key=_age) for _, own in groupby(sorted(names, key=_publisher), _publisher)]


def older_of_same_publisher(names: Iterable[str], than: str) -> list[str]:
    """The extracts whose names differ from that of ``than`` in their day alone, and are older: the newest first."""
    own = [name for name in names if _publisher(name) == _publisher(than) and _age(name) < _age(than)]
    return sorted(own, key=_age, reverse=True)


def _publisher(name: str) -> str:
    return _DELIVERED_ON.sub("", name)


def _age(name: str) -> tuple[tuple[str, ...], str]:
    """What sorts the extracts of one publisher, the oldest first: by their day, one without before all others."""
    dated = _DELIVERED_ON.search(name)
    return dated.groups() if dated else (), name


def content_digest(folder: Path, files: Iterable[Path]) -> str:
    """One digest of files of the folder by name and content."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def fingerprint(folder: Path) -> str:
    """Changes whenever a file of the folder is added, taken away, renamed or written to; reads none of them.

    What people tick off, and the card map, tell nothing of what was delivered: what it was made of stays as it was.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in LATER:
            stat = path.stat()
            # As the system holds it: a name need not be UTF-8.
            digest.update(os.fsencode(path.relative_to(folder)) + f"\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()
