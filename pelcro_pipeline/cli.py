"""The same jobs from a shell, recorded in the same Dagster instance."""

from __future__ import annotations

import datetime
import gc
import importlib.util
import os
import shutil
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pelcro_pipeline import settings, templates
from pelcro_pipeline.delivery import cards
from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.engine import machine
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.workspace import atomic, instance, lock, places
from pelcro_pipeline.workspace.intake import refuse_to_copy
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline.workspace.purge import is_purged, purgeable_paths, purged

if TYPE_CHECKING:
    import pandas as pd

    from pelcro_pipeline.target.core_api.site import Site

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Migrates a publisher's readers, products, plans and subscriptions into Pelcro.",
)
#: What a delivery says is never taken for markup.
_out = Console(markup=False)
#: As a person types it from here: by name where the shell finds it, else by its path.
_COMMAND = "pelcro-pipeline" if shutil.which("pelcro-pipeline") else os.path.relpath(sys.argv[0])
#: `dagster dev` warns on every start that `dg dev`, which needs another package, supersedes it.
_QUIET = {"PYTHONWARNINGS": "ignore::FutureWarning"}
#: The columns of small tables that hold words; all others are counts, money and days.
_WORDS = {"object", "attribute", "currency", "what", "kind", "surprise", "measure", "state_before", "state_after"}
#: What the best days are told by, as short as a screen of 80 columns wants it.
_OF_A_DAY = {
    "ended_since": "ended since",
    "charged_on_the_day": "charges",
    "renew_within_three_days": "renew soon",
    "surprises": "together",
}
#: How many differences `certify` prints; the rest stands in certificate.csv.
_DIFFERENCES_SHOWN = 20
_On = Annotated[Literal["staging", "production"], typer.Option(help="Which environment.")]
_Extract = Annotated[str, typer.Argument(help="A delivered folder, or the name of one under extracts/.")]


def main() -> None:
    """Run the command line; our refusals are one sentence and an exit status."""
    # Dagster's definitions are some hundred thousand objects that stay: to look through them again and again for what
    # can go took 6 % of a small run.
    gc.set_threshold(200_000, 20, 20)
    try:
        with machine.translated():
            app()
    except UnusableInputError as error:
        _fail(str(error), 2)
    except RefusedError as error:
        _fail(str(error), 1)


def _fail(sentence: str, status: int) -> None:
    # What a sentence tells to type is typed here, where the shell may not find it by its name.
    print(f"pelcro-pipeline: {sentence.replace('`pelcro-pipeline ', f'`{_COMMAND} ')}", file=sys.stderr)
    sys.exit(status)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Where the request is written.")],
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", help="An export of another system, of which a map is proposed; once for each.", metavar="EXPORT"
        ),
    ] = None,
) -> None:
    """Write empty templates, an extract.toml and the data dictionary into FOLDER; for exports a proposed map, source.toml."""
    if folder.exists() and not folder.is_dir():
        raise UnusableInputError(f"{folder} is a file: name a folder.")
    if exports:
        _propose(folder, exports)
        return
    try:
        written = templates.write(folder)
    except OSError as error:
        raise UnusableInputError(f"{folder} cannot be written to ({error.strerror}): name another folder.") from error
    for path in written:
        _out.print(f"  {path}", soft_wrap=True)
    _out.print(f"Send these to the publisher, or fill them; then: {_COMMAND} dry-run FOLDER", soft_wrap=True)


def _propose(folder: Path, exports: list[Path]) -> None:
    """The request, and a proposed map beside it."""
    from pelcro_pipeline.matching import draft
    from pelcro_pipeline.sources import source_map

    path = folder / source_map.FILE_NAME
    if path.exists():
        raise UnusableInputError(f"{path} stands already: take it away, or name another folder.")
    proposal = draft.proposed(exports)
    try:
        with atomic.file(path) as unfinished:
            unfinished.write_text(proposal.text, encoding="utf-8")
        written = templates.write(folder)
    except OSError as error:
        raise UnusableInputError(f"{folder} cannot be written to ({error.strerror}): name another folder.") from error
    for each in (*written, path):
        _out.print(f"  {each}", soft_wrap=True)
    _out.print(
        f"Of {proposal.placed + proposal.asked + proposal.unknown} columns {proposal.placed} are placed, "
        f"{proposal.asked} have candidates to choose from, {proposal.unknown} have none.",
        soft_wrap=True,
    )
    _out.print(f"Decide what stands behind a # in {path}; then: {_COMMAND} check-map {path}", soft_wrap=True)


@app.command("check-map")
def check_map(
    file: Annotated[
        Path,
        typer.Argument(
            help="A map of a legacy system's exports, such as source.toml, or an extract's folder.",
            metavar="FILE_OR_EXTRACT",
        ),
    ],
) -> None:
    """Say of a map whether it can be run, and what it leaves open; of an extract, whether its files are those that its map knows."""
    from pelcro_pipeline.matching import check
    from pelcro_pipeline.sources import source_map as maps

    inside = places.home() / "extracts" / file
    folder = next((each for each in (file, inside) if each.is_dir()), None)
    if folder is None and not file.is_file():
        raise UnusableInputError(f"There is no file {file}: give a map, or an extract.")
    given = settings.load(folder) if folder else settings.Settings()
    path = maps.path_of(folder, given.source) if folder else file
    if path is None:
        raise UnusableInputError(
            f"{file} has no map: name its source in extract.toml, or put a map beside it as {maps.FILE_NAME}."
        )
    with duck.connect() as connection:
        source_map, left_open = check.checked(path, connection)
        if folder:
            left_open += check.delivered(source_map, folder, given, connection)
    for sentence in left_open:
        _out.print(f"  {sentence}", soft_wrap=True, markup=False)
    missing = len(check.missing(source_map))
    if missing:
        attributes = "an attribute" if missing == 1 else f"{missing} attributes"
        raise UnusableInputError(
            f"{path.name} lacks {attributes} that objects cannot stand without: give each a field."
        )
    _out.print(f"The map of {source_map.title} can be run.", soft_wrap=True, markup=False)


@app.command("dry-run")
def dry_run(
    extract: _Extract,
    keep_relations: Annotated[
        bool, typer.Option("--keep-relations", help="Leave each relation of the judgement on disk, to look at.")
    ] = False,
) -> None:
    """Read, convert, judge, prepare and stage an extract, and count it."""
    paths = _taken_in(extract)
    _run("dry_run", paths, {"judgement": {"config": {"keep_relations": keep_relations}}})
    _show_dispositions(paths)
    _show_findings(paths)
    _show_prices(paths)
    if keep_relations:
        _out.print(f"\nRelations       {paths.analysis / 'relations'}", soft_wrap=True)
    _out.print(f"\n{paths.verdict.read_text(encoding='utf-8')}")
    _out.print(f"\nRead first      {paths.analysis_report}", soft_wrap=True)
    _out.print(f"Migration day   {paths.forecast_page}", soft_wrap=True)
    _out.print(f"Reports         {paths.reports}", soft_wrap=True)
    _out.print(f"Prepared files  {paths.prepared}", soft_wrap=True)
    _out.print(f"Staging         {paths.database('staging')}", soft_wrap=True)
    _out.print(f"\nNext: {_COMMAND} report {paths.extract} --open", soft_wrap=True)
    _out.print(f"or the graph with: {_COMMAND} ui", soft_wrap=True)
    _out.print("Choose answers in questions.xlsx among the reports, then", soft_wrap=True)
    _out.print(f"{_COMMAND} answer {paths.extract} FILE, and the dry run again.", soft_wrap=True)
    _out.print(f"Then: {_COMMAND} sign-off {paths.extract} --by NAME --role ROLE", soft_wrap=True)
    _out.print("which lists the open questions by rule: each is accepted by name.")


@app.command()
def report(
    extract: _Extract,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """The analysis report of an extract: what a publisher reads first."""
    paths = _existing(extract)
    if not paths.analysis_report.exists():
        raise RefusedError(f"{paths.extract} has no report yet: run `{_COMMAND} dry-run {paths.extract}` first.")
    _out.print(paths.verdict.read_text(encoding="utf-8"), soft_wrap=True)
    _out.print(str(paths.analysis_report), soft_wrap=True)
    if show and not webbrowser.open(paths.analysis_report.as_uri()):
        raise UnusableInputError(f"No browser opens here: open {paths.analysis_report} yourself.")


@app.command()
def forecast(
    extract: _Extract,
    on: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Another migration day: what it would change.", metavar="DATE"),
    ] = None,
) -> None:
    """What the migration day will bill, and whom; with --on what another day would change."""
    from pelcro_pipeline import steps

    paths = _existing(extract)
    if not paths.ledger.exists():
        raise RefusedError(f"{paths.extract} has no forecast yet: run `{_COMMAND} dry-run {paths.extract}` first.")
    if on is None:
        _run("forecast", paths)
        _show_forecast(paths)
        with lock.held(paths), _sandboxed():
            best = steps.best_days(paths)
        _show_money("Of the next 30 days those with the fewest surprises", best.rename(columns=_OF_A_DAY))
        _out.print(f"\nForecast  {paths.forecast_page}", soft_wrap=True)
        return
    with lock.held(paths), _sandboxed():
        other = steps.other_day(paths, on.date())
    if other.changed.empty:
        _out.print(f"On {other.day} every subscription fares as it would on the day that it was judged by.")
    else:
        _show_money(f"What fares otherwise on {other.day}", other.changed)
    _show_money("Billed on the day itself", other.totals)


@app.command()
def answer(
    extract: _Extract,
    file: Annotated[Path, typer.Argument(help="questions.xlsx or questions.csv, filled in.")],
) -> None:
    """Put the publisher's answers to questions into an extract; they hold from the next dry run."""
    from pelcro_pipeline import steps

    paths = _existing(extract)
    if not file.is_file():
        raise UnusableInputError(f"There is no file {file}: give the questions as they were filled in.")
    with lock.held(paths), _sandboxed():
        count = steps.answer(paths, file)
    _out.print(f"{paths.extract} has {count:,} {'answer' if count == 1 else 'answers'}.")
    _out.print(f"Next: {_COMMAND} dry-run {paths.extract}", soft_wrap=True)


@app.command()
def annotate(extract: _Extract) -> None:
    """Each delivered file as a workbook, every finding on its cell: to be corrected and handed back."""
    paths = _existing(extract)
    _run("annotate", paths)
    for path in sorted(paths.annotated.iterdir()):
        _out.print(f"  {path}", soft_wrap=True)
    _out.print("They hold personal data. Their first sheet says what was found, and how they come back.")


@app.command("going-live")
def going_live(extract: _Extract) -> None:
    """The going-live list: what the data says of each item, and whose the others are."""
    from pelcro_pipeline import steps

    paths = _existing(extract)
    with lock.held(paths), _sandboxed():
        listed = steps.going_live(paths)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("Item", "State", "Evidence"):
        table.add_column(heading, no_wrap=heading != "Evidence", overflow="fold")
    for each in listed:
        table.add_row(each.item.id, each.state.value, _shown(each.evidence or each.owner or "an owner is to be named"))
    _out.print(table)
    _out.print(f"\n{paths.going_live.with_suffix('.html')}", soft_wrap=True)


@app.command()
def certify(extract: _Extract) -> None:
    """Prove the prepared files by what was delivered, with a second program; exit status 1 where it does not hold."""
    from pelcro_pipeline import steps

    paths = _existing(extract)
    with lock.held(paths), _sandboxed():
        verdict = steps.certify(paths)
        if paths.analysis_report.exists():
            # Whose first lines say what was found.
            with steps.opened(paths) as opened:
                steps.report(opened)
    _out.print(
        f"Checked {verdict.records:,} records, {verdict.objects:,} objects, {verdict.cells:,} cells, {verdict.totals:,} totals."
    )
    for each in verdict.differences[:_DIFFERENCES_SHOWN]:
        where = " ".join(str(part) for part in (each.file, each.line, each.object, each.attribute) if part)
        _out.print(_shown(f"{where}: {each.difference}"), soft_wrap=True)
    if not verdict.passed:
        raise RefusedError(
            f"{paths.extract}: {verdict.found:,} differences, of which {paths.certificate} lists the first."
        )
    _out.print(f"The certificate of {paths.extract} holds.")


@app.command()
def plan(
    extract: _Extract,
    on: _On = "staging",
    again: Annotated[
        bool,
        typer.Option(
            help="Send again what the site has refused: its cause was mended on the site, and not in the delivery."
        ),
    ] = False,
) -> None:
    """What a load of a Pelcro site would call, and why; of production, what is signed."""
    from pelcro_pipeline import steps
    from pelcro_pipeline.target.core_api import site as core_api

    site = _site(extract, on)
    paths = site.paths
    with lock.held(paths), _sandboxed(), _out.status("Reading the site") as status:
        if again:
            count = core_api.ask_again(site)
            _say(
                f"{count:,} {'object' if count == 1 else 'objects'} that the site has refused: sent again by the next load."
            )
        planned = steps.plan_site(paths, on, status.update)
    _out.print(f"{planned.site}: {planned.calls:,} calls\n")
    _show_frame(planned.table)
    for rule, count in planned.questions.items():
        _out.print(f"{rule}: {count:,}")
    _out.print(f"\nPlan  {paths.plan_report(on)}", soft_wrap=True)


@app.command("sign-off")
def sign_off(
    extract: _Extract,
    by: Annotated[str, typer.Option(help="The name of the person who signs.")],
    role: Annotated[str, typer.Option(help="Their role at the publisher.")],
    accept: Annotated[
        list[str] | None,
        typer.Option(help="The rule of an open question, accepted by name; once for each.", metavar="RULE"),
    ] = None,
    waive: Annotated[
        list[str] | None,
        typer.Option(
            help="An open question that is let be, why, and until which day; once for each.",
            metavar="RULE:WHY:YYYY-MM-DD",
        ),
    ] = None,
) -> None:
    """Sign what the dry run left, its open questions accepted by name; production is loaded from exactly that."""
    from pelcro_pipeline.review.sign_off import read as signed_off

    paths = _existing(extract)
    waivers = []
    for each in waive or []:
        what, _, rest = each.partition(":")
        why, _, until = rest.rpartition(":")
        waivers.append({"what": what, "why": why, "until": until})
    signature = {"signed_by": by, "role": role, "accept": accept or [], "waivers": waivers}
    _run("sign_off", paths, {"review__sign_off": {"config": signature}})
    _out.print(f"Signed: {paths.sign_off}", soft_wrap=True)
    signed = signed_off(paths)
    waived = {each.what: each for each in signed.waivers}
    for rule, count in signed.accepted.items():
        how = f"Waived until {waived[rule].until}" if rule in waived else "Accepted"
        _out.print(f"{how}: {rule}: {count:,}", soft_wrap=True)
    if settings.load(paths.delivered).second_signature and signed.second is None:
        _out.print("Next: somebody else signs the same, as second_signature in extract.toml asks.", soft_wrap=True)
        return
    _out.print(f"Next: {_COMMAND} production {paths.extract}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A sign-off: sign_offs/<extract>.toml, or a copy of it.")],
) -> None:
    """Who signed what, from the file alone; refused where it was altered since."""
    from pelcro_pipeline.review import sign_off

    if not file.is_file():
        raise UnusableInputError(f"There is no file {file}: give a sign-off, or a copy of one.")
    given = sign_off.verify_file(file)
    for signed in given.sign_offs:
        second = f", and {signed.second.signed_by} ({signed.second.role})" if signed.second else ""
        ended = f", ended on {signed.ended_on}" if signed.ended_on else ""
        _out.print(f"{signed.signed_on}  {signed.signed_by} ({signed.role}){second}{ended}", soft_wrap=True)
        for rule, count in signed.accepted.items():
            _out.print(f"  accepted {rule}: {count:,}", soft_wrap=True)
        for each in signed.waivers:
            _out.print(f"  waived {each.what} until {each.until}: {each.why}", soft_wrap=True)
    _out.print(
        f"{given.extract}: nothing of this was altered, left out or moved. Signature {given.last.signature}",
        soft_wrap=True,
    )


@app.command()
def production(extract: _Extract) -> None:
    """Load what was signed into production, and count it."""
    paths = _existing(extract)
    # Before it is loaded, and not only after.
    _run("production", paths, after={"production__cards": lambda: _show_money_difference(paths)})
    _show_statistics(paths)
    _out.print(f"\nProduction  {paths.database('production')}", soft_wrap=True)


@app.command()
def reconcile(extract: _Extract, on: _On = "staging") -> None:
    """Whether a Pelcro site holds what was prepared, read back and compared cell by cell; exit status 1 where anything is open."""
    from pelcro_pipeline.target.core_api import reconcile as reconciling

    site = _site(extract, on)
    with lock.held(site.paths), _sandboxed():
        reconciled = reconciling.reconcile(site, _say)
    for each in reconciled.differences[:_DIFFERENCES_SHOWN]:
        where = " ".join(str(part) for part in (each.object, each.id, each.attribute) if part is not None)
        _out.print(f"{where}: {each.what}", soft_wrap=True)
    if reconciled.is_open:
        raise RefusedError(f"{reconciled.sentence} {site.paths.reconciliation(on)} names each by its key.")
    _out.print(reconciled.sentence, soft_wrap=True)


@app.command()
def revert(
    extract: _Extract,
    on: _On = "production",
    yes: Annotated[bool, typer.Option("--yes", help="Go back from a site without being asked.")] = False,
) -> None:
    """An environment as it was before the last load; a Pelcro site as it was before all of them, where that is still possible."""
    paths = _existing(extract)
    if settings.load(paths.delivered).environment(on).is_site:
        _revert_site(_site(extract, on), yes)
        return
    if on == "staging":
        raise UnusableInputError(
            "Staging is a database here, which the dry run makes again: there is nothing to revert."
        )
    _run("revert", paths)
    stands = paths.database("production").exists()
    _out.print(f"Production of {paths.extract} is {'as it was before the last load' if stands else 'empty again'}.")


def _revert_site(site: Site, yes: bool) -> None:
    """Say what would be taken back from a site, and what not; then take it back."""
    from pelcro_pipeline import steps
    from pelcro_pipeline.target.core_api import revert as way_back

    with lock.held(site.paths), _sandboxed():
        planned = way_back.plan_revert(site, _say)
        _show_frame(planned.table)
        for reason, count in planned.reasons.items():
            _out.print(_shown(f"{count:,} stay: {reason}"), soft_wrap=True)
        _out.print(f"\n{planned.calls:,} calls, about {planned.duration}. What no revert takes back:", soft_wrap=True)
        for each in planned.stays:
            _out.print(f"  {each}", soft_wrap=True)
        if planned.until is not None:
            _out.print(
                f"Begin before {planned.until:%Y-%m-%d %H:%M} UTC: what is renewed or charged stays.", soft_wrap=True
            )
        _out.print(f"Each object  {site.paths.revert_report(site.name)}", soft_wrap=True)
        if not yes and not (sys.stdin.isatty() and typer.confirm(f"Take back what was loaded into {site.label}?")):
            raise RefusedError(
                f"Nothing was taken back: `pelcro-pipeline revert {site.paths.extract} --on {site.name} --yes` does it."
            )
        steps.take_back(site, _say)


def _say(line: str) -> None:
    """A line of progress."""
    _out.print(line, soft_wrap=True)


@app.command()
def window(extract: _Extract, on: _On = "production") -> None:
    """How long the load of a site takes, its reconciliation and its revert, and the last moments to start and to turn back."""
    from pelcro_pipeline.target.core_api import window as windows

    site = _site(extract, on)
    with lock.held(site.paths), _sandboxed():
        foretold = windows.foretell(site)
    _out.print(foretold.measured.sentence, soft_wrap=True)
    _show_frame(foretold.table)
    for sentence in foretold.sentences:
        _out.print(sentence, soft_wrap=True)
    _out.print(f"\nWindow  {site.paths.window_report(on)}", soft_wrap=True)


@app.command()
def prove(extract: _Extract) -> None:
    """Try on the staging site what the API's documentation leaves open, with scratch records that are taken back."""
    from pelcro_pipeline.target.core_api import prove as proofs
    from pelcro_pipeline.target.core_api.assumptions import ASSUMPTIONS

    site = _site(extract, "staging")
    with lock.held(site.paths), _sandboxed():
        seen = proofs.prove(site, _say)
    contradictions = [ASSUMPTIONS[each.id].contradiction(each.alternative, site.settings) for each in seen]
    for each, contradiction in zip(seen, contradictions, strict=True):
        _out.print(_shown("; ".join(filter(None, (f"{each.id}: {each.evidence}", contradiction)))), soft_wrap=True)
    _out.print(f"\nWhat was seen  {site.paths.assumptions}", soft_wrap=True)
    if any(contradictions):
        raise RefusedError(
            f"The site is otherwise than extract.toml says, {sum(map(bool, contradictions))} times of {len(seen)}: do as it says "
            "above, then plan again."
        )


@app.command()
def share(
    extract: _Extract,
    to: Annotated[Path | None, typer.Option(help="Where a copy of the bundle is written.", metavar="FILE")] = None,
) -> None:
    """The reports without personal data, in one file to be given away."""
    paths = _existing(extract)
    if to is not None and (to.is_dir() or not to.absolute().parent.is_dir()):
        raise UnusableInputError(
            f"{to} is no place for a file: name one in a folder that exists, such as ./{paths.shareable.name}."
        )
    _run("share", paths)
    if to is not None:
        with atomic.file(to) as unfinished:
            shutil.copyfile(paths.shareable, unfinished)
    _out.print(f"Shareable  {to or paths.shareable}", soft_wrap=True)


@app.command()
def purge(extract: _Extract) -> None:
    """All personal data of an extract, gone; its counts are kept, and its sign-off, which ends, for the record."""
    paths = _named(extract)
    # Before the run, whose extract the UI would show ever after.
    purgeable_paths(paths)
    if paths.journals.exists():
        _out.print("The journals of its sites go with it: no load of a site can be reverted any more.")
    _run("purge", paths, {"purge_extract": {"config": {"extract": paths.extract}}})
    _out.print(f"Purged {paths.extract}. Kept:", soft_wrap=True)
    for path in (*paths.counts, paths.sign_off):
        if path.exists():
            _out.print(f"  {path}", soft_wrap=True)


@app.command()
def status() -> None:
    """Every extract, how far it is, and what holds it."""
    from pelcro_pipeline.review import progress

    home = places.home()
    # A line of 80 columns for each extract, its name whole up to 29.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading, most in {"Extract": 29, "Dry run": 10, "Signed by": 12, "Production": 10, "Held by": 15}.items():
        table.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=most)
    sentences = []
    now = datetime.datetime.now(datetime.UTC)
    for name in sorted([*places.extracts(home), *purged(home)]):
        with _sandboxed():
            stands = progress.progress_of(ExtractPaths(home, name), now)
        table.add_row(name, stands.staged, stands.signed_by, stands.loaded, stands.held_by)
        asked = progress.questions(ExtractPaths(home, name))
        if asked:
            sentences.append(f"{name}: {asked}.")
        if stands.sentence:
            sentences.append(f"{name}: {stands.sentence}" if name not in stands.sentence else stands.sentence)
    _out.print(table if table.row_count else f"{home / 'extracts'} holds no extract yet.")
    for sentence in sentences:
        _out.print(f"\n{sentence}", soft_wrap=True)


@app.command()
def compare(
    older: Annotated[str, typer.Argument(help="The older extract, usually the signed one.")],
    newer: Annotated[str, typer.Argument(help="A newer delivery of the same publisher.")],
) -> None:
    """What is new, changed and vanished between two extracts, in money too, and what of it needs a person."""
    from pelcro_pipeline import steps
    from pelcro_pipeline.review import comparison

    before, after = _existing(older), _existing(newer)
    with ExitStack() as held, _sandboxed():
        for paths in dict.fromkeys((before, after)):
            held.enter_context(lock.held(paths))
        compared = steps.compare(before, after)
    _out.print(f"Before  {before.extract}\nAfter   {after.extract}\n", soft_wrap=True)
    _show_frame(compared.summary)
    if compared.is_equal:
        _out.print("\nEqual: both have prepared the same.")
    for title, frame in {
        "Changed attributes": compared.attributes,
        "What subscriptions cost, by their plans' prices": comparison.priced(compared.money),
        "What needs a person": compared.attention,
    }.items():
        if len(frame):
            _out.print(f"\n{title}\n")
            _show_frame(frame)
    _out.print(f"\nReport  {compared.report}", soft_wrap=True)


def _show_frame(frame: pd.DataFrame) -> None:
    """A small table, counts to the right and with thousands apart; words stand whole."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in frame:
        is_word = name in _WORDS
        table.add_column(name.replace("_", " "), justify="left" if is_word else "right", no_wrap=not is_word)
    for row in frame.itertuples(index=False):
        table.add_row(*(_shown(f"{cell:,}" if isinstance(cell, Integral) else str(cell)) for cell in row))
    _out.print(table)


@app.command()
def explain(
    extract: _Extract, customer_id: Annotated[str, typer.Argument(help="The customer's old provider id.")]
) -> None:
    """One customer: every source line, finding, disposition, prepared and loaded value."""
    from pelcro_pipeline.review import explanation

    if not customer_id.strip() or not customer_id.isprintable():
        raise UnusableInputError(f"{customer_id!r} is no customer's id: give it as the ledger writes it.")
    paths = _existing(extract)
    with _sandboxed():
        explained = explanation.explain(paths, customer_id)
    for source in explained.sources:
        _out.rule(_shown(f"{source.place.file} line {source.place.line}"), align="left", style="bold")
        _out.print(_plain(["object", "key", "disposition", "rule", "why"], source.dispositions))
        for _, attribute, rule, severity, value, result, message in source.findings:
            stands = f", {result} stands instead" if result is not None else ""
            delivered = f"{value} was delivered" if value is not None else "nothing was delivered"
            _out.print(_shown(f"{severity}: {attribute}, {rule}: {message} ({delivered}{stands})"))
        for _, attribute, rule, severity, *_, message in source.of_file:
            _out.print(_shown(f"{severity} of the whole file: {attribute or 'all of it'}, {rule}: {message}"))
        _out.print(_plain(["delivered column", "cell"], [(cell.header, cell.text) for cell in source.cells]))
    stages = ("prepared", *explained.environments)
    for record in explained.prepared:
        _out.rule(f"{' = '.join(stages)}: customers.csv, record {record.number}", align="left", style="bold")
        _out.print(_plain(["attribute", "value"], [(name, _agreed(stages, cells)) for name, *cells in record.values]))
    if not explained.prepared:
        _out.print("Nothing of this customer is prepared.")


def _agreed(stages: tuple[str, ...], cells: list[str]) -> Text:
    """One value where all stages hold the same; else what each holds, marked."""
    if len(set(cells)) == 1:
        return _shown(cells[0])
    held = ", ".join(f"{stage} {cell or 'nothing'}" for stage, cell in zip(stages, cells, strict=True))
    marked = _shown(f"!= {held}")
    marked.stylize("bold red")
    return marked


def _plain(headings: list[str], rows: list[tuple]) -> Table:
    """A table without lines, what stands in its first column whole."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=heading == headings[0], overflow="fold")
    for row in rows:
        table.add_row(*(each if isinstance(each, Text) else _shown("" if each is None else str(each)) for each in row))
    return table


def _shown(delivered: str) -> Text:
    """Delivered text without the characters that steer a terminal."""
    return Text("".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in delivered))


@app.command()
def ui(port: Annotated[int, typer.Option(help="The port on this machine.", min=1, max=65535)] = 3000) -> None:
    """The Dagster UI on this workspace."""
    from pelcro_pipeline.defs import run

    with socket.socket() as probe:
        # Dagster's own sentence comes behind ours, and what answers there may be another workspace's.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnusableInputError(f"Port {port} is taken ({error.strerror}): name another with --port.") from error
    run.register(places.home())
    _out.print(f"The Dagster UI on {places.home()}: http://127.0.0.1:{port}", soft_wrap=True)
    command = [
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        "--module-name",
        "pelcro_pipeline.definitions",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    # A script's background process ignores it, and so would Dagster's own, which it ends by it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # In place of this process, so that whoever ends it ends the UI.
    sys.stdout.flush()
    os.execve(command[0], command, os.environ | {"DAGSTER_HOME": str(instance.prepare(places.home()))} | _QUIET)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """A stand-in for Pelcro's Core API on this machine, for a load without an account; `sandbox --help` has its options."""
    named = any(each.startswith(("--state", "--help", "-h")) for each in context.args)
    state = [] if named else ["--state", str(places.home() / "sandbox")]
    if importlib.util.find_spec("pelcro_sandbox") is None:
        raise RefusedError("The sandbox is not a part of this installation: run it from the project's folder.")
    # A program of its own, in place of this process: it imports nothing of the pipeline, and whoever ends it ends it.
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pelcro_sandbox", *state, *context.args])


def _named(extract: str) -> ExtractPaths:
    """The paths of an extract, by name or by folder."""
    return ExtractPaths(places.home(), Path(extract).resolve().name if os.sep in extract else extract)


def _existing(extract: str) -> ExtractPaths:
    """The same, of one that stands in the workspace."""
    paths = _named(extract)
    if is_purged(paths):
        raise RefusedError(
            f"{paths.extract} was purged: deliver it again (`pelcro-pipeline dry-run FOLDER`), then review and sign it."
        )
    if not atomic.stands(paths.delivered):
        raise UnusableInputError(
            f"There is no extract {paths.extract} under {paths.home / 'extracts'}: run `pelcro-pipeline dry-run FOLDER` first."
        )
    return paths


def _site(extract: str, on: str) -> Site:
    """A site of an extract. Raises RefusedError where extract.toml names none."""
    from pelcro_pipeline.target.core_api.site import Site

    paths = _existing(extract)
    site = Site(paths, on, settings.load(paths.delivered))
    if not site.environment.is_site:
        raise RefusedError(
            f'{paths.extract} has no {on} site: name it in extract.toml, {on} = {{ target = "core_api", ... }}.'
        )
    return site


def _taken_in(extract: str) -> ExtractPaths:
    """The paths of an extract; a folder from elsewhere is copied in, whole or not at all."""
    folder = Path(extract).expanduser()
    inside = places.home() / "extracts"
    if places.is_extract_name(extract) and atomic.stands(inside / extract):
        if folder.is_dir() and folder.resolve() != (inside / extract).resolve():
            raise UnusableInputError(
                f"{extract} is a folder here and an extract of the workspace: give ./{extract} to take the folder in, "
                f"or {inside / extract} to run what was taken in before."
            )
        return ExtractPaths(places.home(), extract)
    # Unlike Path.is_dir it takes a name that is too long for none.
    if not os.path.isdir(folder):  # noqa: PTH112
        raise UnusableInputError(
            f"There is no folder {extract}, and no extract of that name under {inside}: name one that exists."
        )
    paths = ExtractPaths(places.home(), folder.resolve().name)
    if folder.resolve() != paths.delivered.resolve():
        refuse_to_copy(folder)
        searched = cards.refuse_to_store(folder)
        with lock.held(paths), atomic.folder(paths.delivered) as unfinished:
            shutil.copytree(folder, unfinished, dirs_exist_ok=True, symlinks=True)
            if places.fingerprint(folder) != searched.fingerprint:
                raise UnusableInputError(f"{extract} changed while it was copied: run it again once it is whole.")
    return paths


@contextmanager
def _sandboxed() -> Iterator[None]:
    """Let DuckDB reach the workspace alone, outside of a run too."""
    beside = atomic.private_folder(places.home() / "spill")
    with (
        tempfile.TemporaryDirectory(dir=beside, ignore_cleanup_errors=True) as spill,
        duck.sandboxed(places.home(), Path(spill)),
    ):
        yield


def _run(
    job_name: str, paths: ExtractPaths, ops: dict | None = None, after: dict[str, Callable[[], None]] | None = None
) -> None:
    """Run a job for an extract with a progress bar; raises what the job refuses with. ``after`` is called when its step has ended."""
    # Dagster takes seconds to import: what does not need it does not wait for it.
    from pelcro_pipeline.defs import run

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=_out
    ) as bars:
        run.job(job_name, paths, ops or {}, _Bars(bars, after or {}))


class _Bars:
    """A progress bar for each step of a run."""

    def __init__(self, bars: Progress, after: dict[str, Callable[[], None]]) -> None:
        self._bars, self._tasks, self._after = bars, {}, after

    def started(self, step: str) -> None:
        self._tasks[step] = self._bars.add_task(step.replace("__", " "), total=None)

    def told(self, line: str) -> None:
        """A line of progress, above the bars."""
        self._bars.console.print(_shown(line), soft_wrap=True)

    def ended(self, step: str) -> None:
        self._bars.update(self._tasks[step], total=1, completed=1)
        if step in self._after:
            self._after[step]()


def _show_dispositions(paths: ExtractPaths) -> None:
    """Per object: received, prepared, merged, rejected, excluded, staged."""
    from pelcro_pipeline.review import progress

    table = Table(title=f"\n{paths.extract}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("", "received", "prepared", "merged", "rejected", "excluded", "staged"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for object_, *counts in progress.dispositions(paths):
        table.add_row(object_, *(f"{count:,}" for count in counts))
    _out.print(table)


def _show_findings(paths: ExtractPaths) -> None:
    """The findings by severity, and the rules that most of them are of."""
    from pelcro_pipeline.review import progress

    by_severity = progress.findings(paths)
    _out.print("\nFindings: " + ", ".join(f"{severity} {count:,}" for severity, count in by_severity.items()) + "\n")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Most findings", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("", overflow="fold")
    for rule, severity, count, sentence in progress.heaviest_rules(paths):
        table.add_row(rule, f"{count:,}", severity, sentence)
    if table.row_count:
        _out.print(table)


def _show_prices(paths: ExtractPaths) -> None:
    """What the plans cost, least and most: an amount of another unit is seen at once."""
    from pelcro_pipeline.review import progress

    for number, (currency, least, most) in enumerate(progress.prices(paths)):
        _out.print(f"{'Plan prices' if not number else '':16}{currency} {least} to {most}")


def _show_forecast(paths: ExtractPaths) -> None:
    """What the migration day brings in each currency, and with the 90 days after it."""
    import pandas as pd

    days = pd.read_csv(paths.forecast)
    counted = ["renewals", "expiries", "invoices", "invoiced", "charges", "charged"]
    first = days[days["date"] == days["date"].min()][["currency", *counted]]
    _show_money(f"On {days['date'].min()}", first)
    _show_money("With the 90 days after it", days.groupby("currency", as_index=False)[counted].sum())
    if (surprises := pd.read_csv(paths.surprises)).empty:
        _out.print("\nNothing surprises.")
        return
    by_kind = surprises.groupby(["surprise", "currency"], as_index=False).agg(
        subscriptions=("date", "count"), amount=("amount", "sum")
    )
    _show_money("Surprises", by_kind)


def _show_money_difference(paths: ExtractPaths) -> None:
    """What production will bill otherwise than the dry run told."""
    import pandas as pd

    if not paths.money_difference.exists():
        # The step was refused.
        return
    differing = pd.read_csv(paths.money_difference)
    if (differing := differing[differing["difference"] != 0]).empty:
        _out.print("Production will bill what the dry run told.")
    else:
        _show_money("What production will bill otherwise than the dry run told", differing)


def _show_money(title: str, frame: pd.DataFrame) -> None:
    """A small table, its money as people write it."""
    from pelcro_pipeline.migration_day.forecast_report import priced

    _out.print(f"\n{title}\n")
    _show_frame(priced(frame))


def _show_statistics(paths: ExtractPaths) -> None:
    """Per object: prepared, staging, production."""
    from pelcro_pipeline.review import statistics

    frame = statistics.summary(statistics.read(paths.statistics))
    columns = ("Attribute", "Pelcro Pre-Processed", statistics.STAGING, statistics.PRODUCTION)
    table = Table(*columns, title=f"\n{paths.extract}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for row in frame[list(columns)].itertuples(index=False):
        table.add_row(*(str(cell) for cell in row))
    _out.print(table)
