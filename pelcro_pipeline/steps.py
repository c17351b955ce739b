"""The steps of a migration of one extract, each a function: what Dagster's assets, the tests and the benchmarks all call."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from pelcro_pipeline import settings as extract_settings
from pelcro_pipeline.analysis import annotation, questions, scope
from pelcro_pipeline.analysis import report as report_of
from pelcro_pipeline.analysis.annotation import AnnotatedFile
from pelcro_pipeline.conversion import passwords, tables
from pelcro_pipeline.delivery import answers as given_answers
from pelcro_pipeline.delivery import cards, mapping, profile
from pelcro_pipeline.delivery import reading as delivery
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import relations
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.migration_day import (
    card_map,
    conservation,
    day_choice,
    forecast_report,
    seam,
    second_opinion,
    simulation,
)
from pelcro_pipeline.migration_day import forecast as forecasting
from pelcro_pipeline.migration_day import passwords as password_report
from pelcro_pipeline.migration_day.day_choice import OtherDay
from pelcro_pipeline.migration_day.forecast import Forecast
from pelcro_pipeline.migration_day.relations import Terms
from pelcro_pipeline.prepared import archive as archiving
from pelcro_pipeline.prepared import tables as prepared_tables
from pelcro_pipeline.prepared import write as prepared_write
from pelcro_pipeline.prepared.files import TABLES_OF, PreparedFiles
from pelcro_pipeline.reporting import delimited
from pelcro_pipeline.review import (
    certificate,
    comparison,
    rejudgement,
    second_count,
    sharing,
    sign_off,
    statistics,
    statistics_report,
)
from pelcro_pipeline.review import going_live as going_live_list
from pelcro_pipeline.review import sample as review_sample
from pelcro_pipeline.review.certificate import Verdict
from pelcro_pipeline.review.comparison import Comparison
from pelcro_pipeline.review.going_live import Line
from pelcro_pipeline.review.sample import Review, Sample
from pelcro_pipeline.review.sharing import Bundle
from pelcro_pipeline.review.sign_off import SignOff, Waiver
from pelcro_pipeline.rules import answers, findings, judgement, ledger, results
from pelcro_pipeline.spec import SUBSCRIPTIONS
from pelcro_pipeline.spec.sql import literal
from pelcro_pipeline.spec.target import TARGET_TABLES
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

if TYPE_CHECKING:
    from pelcro_pipeline.target.core_api.load import Progress
    from pelcro_pipeline.target.core_api.plan import Summary
    from pelcro_pipeline.target.core_api.reconcile import Reconciliation
    from pelcro_pipeline.target.core_api.revert import Reverted, RevertPlan
    from pelcro_pipeline.target.core_api.site import Site


def read(paths: ExtractPaths) -> Manifest:
    """Read the delivered folder and write manifest.json and profile.csv. Raises UnusableInputError for what cannot be read."""
    # Reports of two runs must not be signed as one: until this one has counted, there is nothing to sign.
    paths.statistics_digest.unlink(missing_ok=True)
    searched = cards.refuse_to_store(paths.delivered)
    with atomic.folder(paths.manifest.parent) as folder, duck.connect() as connection:
        given = given_answers.read(paths.delivered)
        settings = answers.applied(extract_settings.load(paths.delivered), given)
        manifest = delivery.read(paths.delivered, folder, settings, connection)
        manifest = manifest.model_copy(update={"answers": given, "same_customers": answers.same_customers(given)})
        manifest = searched.noted(manifest)
        # The folder takes its final name only when it is whole, so the manifest names that one.
        manifest = manifest.moved(folder, paths.manifest.parent)
        (folder / paths.manifest.name).write_text(manifest.model_dump_json(indent=1))
    profile.write(manifest, paths.profile)
    return manifest


@dataclass
class OpenedExtract:
    """An extract that has been read: its places, its manifest, and a connection with the views made so far."""

    paths: ExtractPaths
    manifest: Manifest
    connection: duckdb.DuckDBPyConnection
    _results_attached: bool = False

    @property
    def files(self) -> PreparedFiles:
        """The prepared files, whether written yet or not."""
        return PreparedFiles(self.paths.prepared, self.manifest.settings, self.paths.checksums)

    def attach_results(self) -> None:
        """Make the views of the conversion and of the judgement's results, verified once.

        Raises RefusedError, naming records, where either is not as it was made.
        """
        if not self._results_attached:
            of = self.connection, self.manifest, self.paths.conversion, self.paths.analysis
            results.attach(*of)
            results.verify(*of)
            self._results_attached = True


@contextmanager
def opened(paths: ExtractPaths) -> Iterator[OpenedExtract]:
    """Open an extract that has been read. Raises UnusableInputError where a delivered file has changed since."""
    with duck.connect() as connection:
        yield OpenedExtract(paths, Manifest.load(paths.manifest), connection)


def convert(extract: OpenedExtract) -> None:
    """Write each file's conversion and its checksums; leaves a view of each converted object."""
    with atomic.folder(extract.paths.conversion) as folder:
        tables.write(extract.connection, extract.manifest, extract.manifest.settings, folder)
        tables.write_checksums(extract.connection, extract.manifest, folder)
        extract.manifest.verify()
    tables.create_views(extract.connection, extract.manifest, extract.paths.conversion)


def answer(paths: ExtractPaths, file: Path) -> int:
    """Put the answers of a file beside those that an extract has; returns how many it has then. They hold from the next run.

    Raises RefusedError where nothing was asked yet; UnusableInputError for a file of no answers, an unknown question and an
    answer that is not allowed, and where the workbook of questions stands in the extract's folder and says otherwise.
    """
    if not paths.questions.exists():
        raise RefusedError(
            f"{paths.extract} has asked nothing yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    cards.refuse_to_store(paths.delivered, file)
    into, beside = (paths.delivered / name for name in (given_answers.ANSWERS, given_answers.QUESTIONS))
    standing = given_answers.read_file(into) if into.exists() else []
    new = questions.filled_in(given_answers.read_file(file), paths.questions, paths.all_questions)
    merged = list({each.question: each for each in (*standing, *new)}.values())
    all_of_them = given_answers.agreed([*merged, *(given_answers.read_file(beside) if beside.exists() else [])])
    answers.applied(extract_settings.load(paths.delivered), all_of_them)
    answers.same_customers(all_of_them)
    with atomic.file(into) as unfinished:
        given_answers.write(merged, unfinished)
    return len(merged)


def judge(extract: OpenedExtract, *, keep_relations: bool = False) -> pd.DataFrame:
    """Write the judgement's results, the findings, the questions and the ledger, and the reports of all three; leaves the
    relations of the judgement, ``finding`` and ``ledger``. Returns the questions.

    With ``keep_relations`` each relation stays to look at, in the folder ``relations`` beside its results. Raises
    RefusedError where the conversion is not as it was made.
    """
    paths, manifest, connection = extract.paths, extract.manifest, extract.connection
    if altered := tables.altered(connection, manifest, paths.conversion):
        raise RefusedError(f"Not as it was converted: {', '.join(altered[:5])}. Run the extract again from the start.")
    # They were told of what was judged before.
    for environment in ("staging", "production"):
        atomic.discard(paths.migration_day(environment))
    with atomic.folder(paths.analysis) as folder:
        made = judgement.judge(connection, manifest, paths.conversion, manifest.settings)
        proven = passwords.proven(paths.delivered, connection)
        (folder / paths.proven_passwords.name).write_text(json.dumps(proven), encoding="utf-8")
        made += findings.create_findings(connection, manifest, proven)
        made += questions.create(connection)
        made += ledger.create_ledger(connection)
        if keep_relations:
            relations.leave(connection, made, atomic.private_folder(folder / "relations"))
        asked = questions.table(connection, manifest.settings)
        kept = questions.kept(connection, manifest, asked, before=paths.all_questions)
        kept.to_parquet(folder / paths.all_questions.name)
        results.save(connection, folder)
        ledger.write(connection, folder / "ledger.parquet")
        findings.write(connection, folder / "findings.parquet")
    questions.write(asked, paths.questions, paths.questions_workbook)
    ledger.attach(connection, paths.analysis / "ledger.parquet")
    findings.attach(connection, paths.analysis / "findings.parquet")
    for name, room in (("findings", findings), ("ledger", ledger)):
        with atomic.file(paths.reports / f"{name}.csv") as unfinished:
            room.write_csv(connection, unfinished)
    return asked


def prepare(extract: OpenedExtract) -> dict[str, int]:
    """Write the prepared files and their checksums; returns the records of each. Leaves the views of ``prepared.tables``."""
    # It certifies the files that stood here before.
    extract.paths.certificate.unlink(missing_ok=True)
    extract.attach_results()
    settings = extract.manifest.settings
    prepared_tables.create_views(extract.connection, extract.manifest, settings)
    with atomic.folder(extract.paths.prepared) as folder, atomic.folder(extract.paths.checksums) as checksums:
        records = prepared_write.write(extract.connection, extract.manifest, settings, folder)
        PreparedFiles(folder, settings, checksums).write_checksums(extract.connection)
    return records


def forecast(extract: OpenedExtract, environment: str = "staging", day: datetime.date | None = None) -> Forecast:
    """Tell what the migration day and the 90 days after it bring, from what is prepared; write the forecast and return it."""
    paths, connection = extract.paths, extract.connection
    results.attach(connection, extract.manifest, paths.conversion, paths.analysis)
    prepared_tables.create_views(connection, extract.manifest, extract.manifest.settings)
    prepared_tables.create_typed_views(connection, extract.manifest)
    settings = extract.manifest.settings
    with atomic.folder(paths.migration_day(environment)) as folder:
        cards_ = card_map.read(paths.delivered, folder, settings)
        told = forecasting.create_forecast(connection, Terms.of(settings, day, cards_))
        paths.cards.unlink(missing_ok=True)
        if cards_:
            with atomic.file(paths.cards) as unfinished:
                card_map.write_report(connection, unfinished, cards_.problems)
        # The folder takes its final name only when it is whole.
        forecasting.keep(connection, told.terms.moved(folder, paths.migration_day(environment)), folder)
        conservation.create_conserved(connection, settings.currency)
        seam.create_seam(connection, settings, extract.manifest.metadata[SUBSCRIPTIONS.object])
        seam.keep(connection, folder)
    with atomic.file(paths.forecast_subscriptions) as unfinished:
        forecasting.write_subscriptions(connection, paths.migration_day(environment), unfinished)
    for path, write in (
        (paths.surprises, forecasting.write_surprises),
        (paths.seam, seam.write),
        (paths.conservation, conservation.write),
    ):
        with atomic.file(path) as unfinished:
            write(connection, unfinished)
    forecast_report.write(told, paths, seam.summary(connection), conservation.totals(connection))
    return told


def map_cards(
    paths: ExtractPaths, recorded_signature: str | None, now: datetime.datetime
) -> tuple[Forecast, pd.DataFrame]:
    """Apply the processor's card map as it stands: tell again what the migration day brings, and what of it differs in money from what
    the dry run told. Production that is loaded with this very map keeps its day.

    Raises RefusedError where no sign-off holds for the state as it stands.
    """
    paths.money_difference.unlink(missing_ok=True)
    sign_off.verified(paths, recorded_signature)
    with opened(paths) as extract:
        day, _ = _day_and_map(paths, now)
        told = forecast(extract, "production", day)
    differing = forecasting.difference(_forecast_kept(paths, "staging"), told)
    delimited.write(differing, paths.money_difference, ())
    return told, differing


def is_mapped(paths: ExtractPaths, now: datetime.datetime) -> bool:
    """Whether what production will bill has been told for the day that it is loaded for, and by the card map as it stands."""
    terms = forecasting.kept_terms(paths.migration_day("production"))
    return terms is not None and (terms.day, terms.card_map) == _day_and_map(paths, now)


def _day_and_map(paths: ExtractPaths, now: datetime.datetime) -> tuple[datetime.date, str | None]:
    """The day that production is loaded for, or was by this very card map; and the map's SHA-256."""
    settings = Manifest.load(paths.manifest).settings
    path = card_map.given(paths.delivered, settings)
    digest = path and card_map.digest(path)
    loaded = database.loaded_with(paths.database("production"))
    return loaded[0] if loaded and loaded[1] == digest else settings.day_of_load(now), digest


def other_day(paths: ExtractPaths, day: datetime.date) -> OtherDay:
    """What another migration day would change. Raises UnusableInputError for one before the day that was judged by."""
    with _prepared_as_loaded(paths) as (connection, terms):
        if day < terms.day:
            raise UnusableInputError(
                f"{day} lies before {terms.day}, by which {paths.extract} was judged, and some that had ended by then are left out: "
                f"set migration_date = {day} in extract.toml and run it dry again."
            )
        return day_choice.other_day(connection, terms, day)


def best_days(paths: ExtractPaths) -> pd.DataFrame:
    """Of the 30 days from the one judged by on, those with the fewest surprises (``day_choice.best_days``)."""
    with _prepared_as_loaded(paths) as (connection, terms):
        return day_choice.best_days(connection, terms)


@contextmanager
def _prepared_as_loaded(paths: ExtractPaths) -> Iterator[tuple[duckdb.DuckDBPyConnection, Terms]]:
    """A connection with ``subscriptions``, ``plans`` and ``customers`` as staging has them, and the terms of its forecast."""
    terms = _terms(paths, "staging")
    with duck.connect() as connection, database.opened(paths.database("staging"), "staging", connection):
        for table in ("subscriptions", "plans", "customers"):
            connection.execute(f"CREATE TEMP VIEW {table} AS FROM staging.{table}")
        yield connection, terms


def archive(extract: OpenedExtract) -> dict[str, int]:
    """Write the archive; returns the records of each of its files."""
    paths = extract.paths
    tables.create_views(extract.connection, extract.manifest, paths.conversion)
    tables.create_location_views(extract.connection, extract.manifest, paths.conversion)
    with atomic.folder(paths.archive) as folder:
        written = archiving.write(
            extract.connection, extract.manifest, paths.conversion, paths.analysis / "ledger.parquet", folder
        )
        extract.manifest.verify()
    return written


def annotate(paths: ExtractPaths) -> list[AnnotatedFile]:
    """Write each delivered file as a workbook, every finding on its cell; returns what each holds.

    Raises RefusedError before the dry run, and where the findings are not as they were made.
    """
    found = paths.analysis / "findings.parquet"
    if not paths.manifest.is_file() or not found.is_file():
        raise RefusedError(
            f"{paths.extract} has not been read yet: run `pelcro-pipeline dry-run {paths.extract}` first."
        )
    findings.verify(found)
    with opened(paths) as extract, atomic.folder(paths.annotated) as folder:
        written = annotation.write(extract.connection, extract.manifest, found, paths.extract, folder)
        extract.manifest.verify()
    return written


def stage(extract: OpenedExtract) -> dict[str, int]:
    """Load the staging database; returns the rows of each table. Raises RefusedError where a cell differs."""
    return database.load(extract.files, extract.paths.database("staging"), _terms(extract.paths, "staging"))


def _terms(paths: ExtractPaths, environment: str) -> Terms:
    """The terms of the forecast that was made before the environment is loaded. Raises RefusedError where none was."""
    terms = forecasting.kept_terms(paths.migration_day(environment))
    if terms is None:
        job = "dry-run" if environment == "staging" else environment
        raise RefusedError(
            f"{paths.extract} has no forecast of what {environment} will bill: run `pelcro-pipeline {job} {paths.extract}`."
        )
    return terms


def _forecast_kept(paths: ExtractPaths, environment: str) -> Forecast:
    """The forecast that was made before the environment is loaded. Raises RefusedError where none was."""
    _terms(paths, environment)
    return forecasting.kept(paths.migration_day(environment))


def money_disagreements(paths: ExtractPaths, environment: str) -> list[str]:
    """What a loaded database tells otherwise than its forecast, to the cent, and what the day-by-day simulation of its
    subscriptions tells otherwise than the queries: a sentence for each of the first few."""
    terms = _terms(paths, environment)
    with duck.connect(paths.database(environment), read_only=True) as connection:
        differing = forecasting.disagreements(connection, terms, paths.migration_day(environment))
        _, otherwise = second_opinion.disagreements(connection, simulation.subscriptions(connection), terms)
    return differing + otherwise


def is_staged(extract: OpenedExtract) -> bool:
    """Whether the staging database, as it stands, holds the prepared files."""
    return database.holds(extract.connection, extract.files, extract.paths.database("staging"))


def count(extract: OpenedExtract) -> pd.DataFrame:
    """The statistics, counted by the database. Raises RefusedError where anything counted is not as it was made.

    Until they are written with their digest there is nothing to sign.
    """
    paths, connection, given = extract.paths, extract.connection, extract.files
    paths.statistics_digest.unlink(missing_ok=True)
    extract.attach_results()
    tables.create_location_views(connection, extract.manifest, paths.conversion)
    given.verify(connection)
    with database.opened(paths.database("staging"), "staging", connection):
        database.verify(connection, given, paths.database("staging"), "staging")
        frame = statistics.staging(connection, extract.manifest, given, "staging")
    # What was loaded by an earlier sign-off stays counted beside it.
    return statistics.with_production(frame, paths)


def count_on_sites(paths: ExtractPaths, frame: pd.DataFrame) -> pd.DataFrame:
    """Statistics with the columns of environments that are sites counted there, as these were last read back."""
    return statistics.with_sites(frame, paths, extract_settings.load(paths.delivered))


def are_alike(paths: ExtractPaths) -> bool:
    """Whether staging and production are both sites, or both databases."""
    settings = extract_settings.load(paths.delivered)
    return settings.staging.is_site == settings.production.is_site


def count_again(paths: ExtractPaths, counted: pd.DataFrame) -> list[str]:
    """The figures that the files alone tell otherwise, each with both numbers; nothing where none is."""
    return second_count.disagreements(counted, second_count.count(paths, counted))


def report(extract: OpenedExtract) -> report_of.Analysis:
    """Write the analysis report, the scope sheet and the findings of each rule; returns what the report shows."""
    paths, connection = extract.paths, extract.connection
    tables.create_views(connection, extract.manifest, paths.conversion)
    results.attach_tables(connection, paths.analysis)
    ledger.attach(connection, paths.analysis / "ledger.parquet")
    findings.attach(connection, paths.analysis / "findings.parquet")
    asked = pd.read_csv(paths.questions, keep_default_na=False)
    with database.opened(paths.database("staging"), "staging", connection):
        for table in TARGET_TABLES:
            connection.execute(f"CREATE TEMP VIEW {table} AS FROM staging.{table}")
        certified = going_live_list.differences(paths)
        told = _forecast_kept(paths, "staging")
        analysis = report_of.analysed(connection, extract.manifest, paths.extract, asked, certified, told)
    delimited.write(analysis.scope, paths.scope, scope.DELIVERED)
    with atomic.folder(paths.rows_by_rule) as folder:
        for problem in analysis.problems:
            findings.write_csv(connection, folder / f"{problem.rule}.csv", f"rule = {literal(problem.rule)}")
    with atomic.file(paths.analysis_report) as unfinished:
        unfinished.write_text(report_of.render(analysis), encoding="utf-8")
    with atomic.file(paths.verdict) as unfinished:
        unfinished.write_text(analysis.verdict.sentence, encoding="utf-8")
    return analysis


def going_live(paths: ExtractPaths) -> list[Line]:
    """Write the going-live list, what is known of the passwords and who needs a new one; returns the list."""
    going_live_list.refuse_uncounted(paths)
    _write_passwords(paths)
    listed = going_live_list.lines(paths)
    delimited.write(going_live_list.table(listed), paths.going_live, going_live_list.WRITTEN)
    with atomic.file(paths.going_live.with_suffix(".html")) as unfinished:
        unfinished.write_text(going_live_list.render(paths.extract, listed), encoding="utf-8")
    return listed


def _write_passwords(paths: ExtractPaths) -> None:
    if not paths.proven_passwords.is_file():
        raise RefusedError(
            f"{paths.extract} was judged before samples were counted: run `pelcro-pipeline dry-run {paths.extract}`."
        )
    samples = json.loads(paths.proven_passwords.read_text(encoding="utf-8"))
    with duck.connect() as connection, database.opened(paths.database("staging"), "staging", connection):
        connection.execute("CREATE TEMP VIEW customers AS FROM staging.customers")
        results.attach_tables(connection, paths.analysis)
        password_report.create(connection, samples)
        delimited.write(password_report.counted(connection).table, paths.passwords, ())
        with atomic.file(paths.password_resets) as unfinished:
            password_report.write_resets(connection, unfinished)


def compare(older: ExtractPaths, newer: ExtractPaths) -> Comparison:
    """Compare what two extracts have prepared, and write what differs among the newer one's reports.

    Raises RefusedError where one of them has not been run dry as it stands.
    """
    return comparison.compare(older, newer)


def certify(paths: ExtractPaths) -> Verdict:
    """Prove the prepared files by the delivered ones, the findings and the ledger, with none of the code that made them; writes
    certificate.csv, one row for each difference that is told.

    Raises RefusedError where there is no dry run, UnusableInputError where a delivered file has changed since.
    """
    reports = [paths.reports / f"{name}.csv" for name in ("findings", "ledger")]
    for path in (paths.manifest, *reports, *(paths.prepared / f"{name}.csv" for name in TABLES_OF)):
        if not path.is_file():
            raise RefusedError(
                f"{paths.extract} has made no {path.name} yet: run `pelcro-pipeline dry-run {paths.extract}` first."
            )
    manifest = Manifest.load(paths.manifest)
    with tempfile.TemporaryDirectory(dir=paths.tables) as folder, duck.connect() as connection:
        made = mapping.laid_out(manifest.files, Path(folder), connection)
        verdict = certificate.certify(paths.delivered, paths.manifest, paths.reports, paths.prepared, made)
    told = pd.DataFrame(verdict.differences, columns=certificate.Difference._fields, dtype=object)
    delimited.write(told, paths.certificate, told.columns)
    return verdict


def share(extract: OpenedExtract) -> Bundle:
    """Write the bundle of the reports without personal data. Raises RefusedError where something personal is left in it."""
    return sharing.write(extract.connection, extract.manifest, extract.paths)


def sample(extract: OpenedExtract) -> Sample:
    """Choose the customers that a person reviews, write them side by side, and return them.

    Raises RefusedError where anything shown is not as it was made.
    """
    paths, connection, given = extract.paths, extract.connection, extract.files
    extract.attach_results()
    findings.verify(paths.analysis / "findings.parquet")
    given.verify(connection)
    with database.opened(paths.database("staging"), "staging", connection):
        database.verify(connection, given, paths.database("staging"), "staging")
    drawn = review_sample.sampled(connection, paths, extract.manifest, extract.manifest.settings.sample_size)
    extract.manifest.verify()
    review_sample.write(drawn, paths)
    return drawn


def reviewed(paths: ExtractPaths) -> Review | None:
    """What a reviewer said of the sample, if anything. Raises UnusableInputError for a review that cannot be read."""
    return review_sample.reviewed(paths)


def sign(
    paths: ExtractPaths, signed_by: str, role: str, accept: Sequence[str] = (), waivers: Sequence[Waiver] = ()
) -> SignOff:
    """Sign what the dry run left, its open questions accepted by their rules' names, or waived.

    Raises RefusedError where it is not as it was made, the delivery has changed, or a question is not accepted.
    """
    return sign_off.sign(paths, signed_by, role, accept, waivers)


def produce(
    paths: ExtractPaths, recorded_signature: str | None, now: datetime.datetime
) -> tuple[SignOff, dict[str, int]]:
    """Load production behind the gate; returns the sign-off that holds and the rows of each table.

    A database that holds what was signed already is left as it is. Raises RefusedError where no sign-off holds for the
    state as it stands, what was signed was tampered with, the day that ``now`` is of decides otherwise than the
    day that was signed, or the settings ask for a certificate and it does not hold.
    """
    signed = sign_off.verified(paths, recorded_signature)
    files, production = sign_off.staged(paths), paths.database("production")
    terms = _terms(paths, "production")
    with duck.connect() as connection:
        if database.loaded_with(production) == (terms.day, terms.card_map) and database.holds(
            connection, files, production
        ):
            return signed, database.counts(production)
    day = files.settings.day_of_load(now)
    rejudgement.verify(paths, signed, day)
    if terms.day != day:
        raise RefusedError(
            f"{paths.extract}: what production will bill was told for {terms.day}, and it is {day}: "
            f"run `pelcro-pipeline production {paths.extract}` again."
        )
    if files.settings.certificate and not (verdict := certify(paths)).passed:
        raise RefusedError(
            f"{paths.extract}: the certificate does not hold ({verdict.found:,} differences, in {paths.certificate}), and "
            "extract.toml asks for one: nothing was loaded."
        )
    return signed, database.load(files, production, terms)


def _verify_production(paths: ExtractPaths) -> None:
    """Raise RefusedError where the production database does not hold what was signed."""
    files = sign_off.staged(paths)
    with duck.connect() as connection:
        if not database.holds(connection, files, paths.database("production")):
            raise RefusedError(
                f"{paths.extract}: the production database does not hold the prepared files that were signed: load it again."
            )


def count_production(
    paths: ExtractPaths, recorded_signature: str | None, staged_statistics: pd.DataFrame
) -> pd.DataFrame:
    """The statistics with Production counted, behind the gate.

    Raises RefusedError as ``produce`` does, and where production does not hold what was signed.
    """
    sign_off.verified(paths, recorded_signature)
    _verify_production(paths)
    return statistics.with_production(staged_statistics, paths)


def recount_production(paths: ExtractPaths) -> pd.DataFrame:
    """Count whatever stands in production, nothing where it is empty; write the statistics and return them."""
    frame = statistics.with_production(statistics.read(paths.statistics), paths)
    statistics_report.write(frame, paths)
    return frame


@dataclass(frozen=True)
class SiteLoad:
    """What a load of a site has done, and whether each prepared object is accounted for."""

    site: str
    progress: Progress
    balance: pd.DataFrame
    broken: list[str]


def site(paths: ExtractPaths, environment: str) -> Site | None:
    """The Pelcro site of an environment, where extract.toml names one."""
    settings = extract_settings.load(paths.delivered)
    if not settings.environment(environment).is_site:
        return None
    # Its client takes a tenth of a second to import, which a migration without a site does not pay for.
    from pelcro_pipeline.target.core_api.site import Site

    return Site(paths, environment, settings)


def plan_site(paths: ExtractPaths, environment: str, told: Callable[[str], None] = print) -> Summary | None:
    """Read a site, and decide what a load of it would call; of production before anything is signed. Nothing where there is no site."""
    if (named := site(paths, environment)) is None:
        return None
    from pelcro_pipeline.target.core_api import site as core_api

    return (core_api.plan if environment == "staging" else core_api.plan_for_review)(named, told)


def revert_site(
    paths: ExtractPaths, environment: str, told: Callable[[str], None] = print
) -> tuple[RevertPlan, Reverted]:
    """Take back from a site what was loaded there, or go on where a revert was stopped.

    Raises UnusableInputError where the environment is no site, and RefusedError where calls were never answered.
    """
    if (named := site(paths, environment)) is None:
        raise UnusableInputError(f"{paths.extract} has no {environment} site: extract.toml names none.")
    from pelcro_pipeline.target.core_api import revert as way_back

    planned = way_back.plan_revert(named, told)
    return planned, take_back(named, told)


def take_back(named: Site, told: Callable[[str], None] = print) -> Reverted:
    """Do what is planned to be reverted of a site. Raises RefusedError where calls were never answered."""
    from pelcro_pipeline.target.core_api import revert as way_back

    reverted = way_back.revert(named, told)
    if reverted.unknown:
        raise RefusedError(f"{reverted.unknown:,} calls were never answered: revert it again.")
    return reverted


def load_site(paths: ExtractPaths, told: Callable[[str], None] = print) -> SiteLoad | None:
    """Load the staging site by its plan, or go on where a load was stopped. Raises RefusedError where nothing may be sent any more."""
    if (named := site(paths, "staging")) is None:
        return None
    return _loaded(named, told)


def produce_site(
    paths: ExtractPaths, recorded_signature: str | None, told: Callable[[str], None] = print
) -> SiteLoad | None:
    """Load the production site behind the gate, or go on where a load was stopped: what is called is planned again, and nothing is sent
    that the signed plan does not hold.

    Raises RefusedError as ``produce`` does, and where production's database does not hold what was signed, or the site's plan differs.
    """
    if (named := site(paths, "production")) is None:
        return None
    from pelcro_pipeline.target.core_api import plan as planning
    from pelcro_pipeline.target.core_api import site as core_api

    signed = sign_off.verified(paths, recorded_signature)
    for name, why in sign_off.untried(paths, planning.kept(paths.site_plan_summary(planning.SIGNED))).items():
        if name not in signed.accepted:
            raise RefusedError(
                f"{paths.extract}: the sign-off does not accept {name} ({why}), on which the load of the production site rests: "
                "see to it, or sign again."
            )
    _verify_production(paths)
    if not core_api.is_planned(named):
        core_api.plan(named, told)
        if unsigned := planning.unsigned(paths.site_plan("production"), paths.site_plan(planning.SIGNED)):
            paths.site_plan_summary("production").unlink()
            raise RefusedError(
                f"{paths.extract}: the production site is not as it was when its plan was signed: to load it now would "
                f"{', '.join(unsigned[:3])}{f' and {len(unsigned) - 3:,} more' if len(unsigned) > 3 else ''}, which was not signed. Nothing "
                f"was sent: run `pelcro-pipeline plan {paths.extract} --on production`, read it, and sign again."
            )
    return _loaded(named, told)


def _loaded(named: Site, told: Callable[[str], None]) -> SiteLoad:
    from pelcro_pipeline.target.core_api import reconcile
    from pelcro_pipeline.target.core_api import site as core_api

    progress = core_api.load(named, told)
    balance = reconcile.balance(named)
    return SiteLoad(named.label, progress, balance.drop(columns="broken"), [each for each in balance["broken"] if each])


def reconcile_site(paths: ExtractPaths, environment: str, told: Callable[[str], None] = print) -> Reconciliation | None:
    """Read a site back, and compare it with what was prepared, cell by cell; write what differs. Nothing where there is no site."""
    if (named := site(paths, environment)) is None:
        return None
    from pelcro_pipeline.target.core_api import reconcile

    return reconcile.reconcile(named, told)
