"""A bundle of an extract's reports that can be given to who may not see its readers: personal data pseudonymised.

In two steps. What a column is known to hold is replaced: the attributes that the spec calls personal, the keys of
customers, addresses and subscriptions, the ids in ``related`` and ``message``, and whole lines that a finding quotes. In all
other cells that may hold delivered text, and in pages, whatever equals or contains a delivered value is replaced. Then the
finished files are searched, and one find stops the bundle.

What the search proves: no text of a finished file holds the words of a delivered email address, name (of the customer or on an
address, display names included), company, department, address line, password or hash, or customer's, subscription's, order's,
group's or address's id, in their order and without regard to case and punctuation, nor the digits of a delivered
phone number; and nothing that looks like an email address.

What it does not prove:

- Of a value with more than eight words its first eight are looked for.
- Values of fewer than three characters, and numbers of fewer than seven digits, are not looked for: they stand everywhere as counts,
  lines and codes. Whole numbers of up to seven digits that are all of a cell are taken for counts.
- Ids of fewer than five characters or without a digit, emails without an @ and phones of fewer than seven digits are words or codes
  as well: they are replaced in columns of their own, and not looked for elsewhere.
- A value that is also said by the rules, the statistics, the headers, or the publisher's products and plans ("Will", "Page",
  "Harbour") is found where it is all of a cell, and not within a longer text.
- Titles, cities and zips are replaced in columns of their own, and not looked for elsewhere.
- What was never delivered in a personal column (a name in a column of no template, on a line that could not be parted into its
  cells) is not known, email addresses excepted.
- Names of files, lines and what happened to a record stay: who has the delivery finds each person by the line.
"""

from __future__ import annotations

import csv
import re
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pelcro_pipeline.analysis import scope
from pelcro_pipeline.conversion import tables
from pelcro_pipeline.delivery import profile
from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import from_folder, make
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.migration_day import passwords
from pelcro_pipeline.review import going_live, markup, pseudonyms, statistics
from pelcro_pipeline.rules import findings, ledger
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.spec import ADDRESS_IDS, ADDRESSES, ATTRIBUTES, HIDDEN, PLANS, PRODUCTS, TABLES
from pelcro_pipeline.spec.model import Personal, Severity
from pelcro_pipeline.spec.sql import literal, quoted
from pelcro_pipeline.workspace import atomic
from pelcro_pipeline.workspace.places import ExtractPaths

_SQL = Path(__file__).parent / "sql"
_FOUND = from_folder(_SQL / "sharing")
_TEMPLATES = Path(__file__).parents[1] / "reporting" / "templates"
README = "README.txt"
#: By attribute what its values tell of a person; an address id is named by what it tells apart too (ADR-WHICH).
_PERSONAL = {
    attribute.name: attribute.personal
    for attribute in (*ATTRIBUTES.values(), *ADDRESS_IDS.values())
    if attribute.personal is not None
} | {table.prefix.rstrip("_"): Personal.ADDRESS for table in ADDRESSES}
#: Reports that are of single readers, or are filled in by who knows them: without these they say nothing.
_OF_PERSONS = ("questions.csv", "sample.csv", "sample.html", "password_resets.csv")
#: A finding of these quotes a whole line.
_QUOTING = ("FILE-QUOTE", "FILE-NO-RECORD")
#: What the key that was probably meant is one of, by the rules that say so (``meant_key``); of plans and products it stays.
_MEANT = {
    "REL-CUSTOMER": Personal.CUSTOMER,
    "REL-GIFT-DONOR": Personal.SUBSCRIPTION,
    "REL-MEMBERSHIP-ADMIN": Personal.GROUP,
}
#: The columns in which we speak; nothing is replaced there, and delivered text that gets into one stops the bundle.
_OURS = frozenset(
    {*findings.COLUMNS, *ledger.COLUMNS, *profile.COLUMNS, *statistics.COLUMNS, "record", "what", "as signed", "as of the load"}
    - {"key", "value", "result", "related"}
)  # fmt: skip
#: Words of findings and details that no table holds.
_SAID = """This holds for all records, first on lines. The column is absent: this holds for records. It is hidden, and is read.
It has no header of a template, and is not read: rows. In the header: The nearest is. Scheme: passwords, of samples verified.
into billing address at shipping address at customer at subscription at product at plan at. Objects Customers Plans Products
(no product) (no plan) Subscriptions by segment Subscriptions by product Subscriptions by plan cancelled expired
starts on, period ends on, ended since, unpaid case, migrated. &nbsp; true false none null"""


@dataclass(frozen=True)
class Bundle:
    """What was shared: the bundle's place, the rows of each report in it (None for a page), and what was left out."""

    path: Path
    rows: dict[str, int | None]
    left_out: tuple[str, ...]


def write(connection: duckdb.DuckDBPyConnection, manifest: Manifest, paths: ExtractPaths) -> Bundle:
    """Write the bundle of the reports as they stand, whole or not at all.

    Raises RefusedError where there are no reports yet, or a finished file holds something personal; UnusableInputError for
    a report that cannot be read.
    """
    reports, left_out = _reports(paths)
    pseudonyms.create_macros(connection, pseudonyms.key(paths.home))
    connection.execute((_SQL / "macros" / "phrases.sql").read_text(encoding="utf-8"))
    tables.create_views(connection, manifest, paths.conversion)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW delivered_value AS {_delivered(manifest)}")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE subscription_id AS
        SELECT DISTINCT "subscription.common_metadata.old_id" AS id FROM converted_subscription WHERE id IS NOT NULL"""
    )
    readme = _readme(paths, reports, left_out)
    _create_own(connection, manifest, [readme, *map(str.strip, readme.splitlines())])
    _create_searched(connection, manifest)
    with tempfile.TemporaryDirectory(dir=atomic.private_folder(paths.spill)) as unfinished:
        folder = Path(unfinished)
        rows = _pseudonymise(connection, reports, folder)
        (folder / README).write_text(readme, encoding="utf-8")
        _verify(connection, paths, folder)
        with atomic.file(paths.shareable) as bundle, zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(folder.iterdir()):
                # Without the time of day, so that the same reports are the same bundle.
                entry = zipfile.ZipInfo(path.name)
                entry.external_attr, entry.compress_type = 0o600 << 16, zipfile.ZIP_DEFLATED
                with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
                    while block := source.read(1 << 20):
                        target.write(block)
    return Bundle(paths.shareable, rows, tuple(left_out))


def _reports(paths: ExtractPaths) -> tuple[list[Path], list[str]]:
    """The reports that can be shared, and the names of those that cannot."""
    needed = (paths.reports / "findings.csv", paths.reports / "ledger.csv", paths.profile, paths.statistics)
    for path in needed:
        if not path.is_file():
            raise RefusedError(
                f"{paths.extract} has no {path.name} yet: run `pelcro-pipeline dry-run {paths.extract}` first."
            )
    standing = [
        path
        for path in sorted(paths.reports.iterdir())
        if path != paths.shareable and not atomic.is_temporary(path.name)
    ]
    shared = [
        path
        for path in standing
        if path.is_file() and path.suffix in (".csv", ".html") and path.stat().st_size and path.name not in _OF_PERSONS
    ]
    return shared, [path.name for path in standing if path not in shared]


def _delivered(manifest: Manifest) -> str:
    """SQL of ``attribute, kind, said, form`` of every delivered value that is looked for, a row for each cell and form.

    Beside the delivered cells the email addresses and phones that were inferred from them.
    """
    sources = [
        (file.relation(), [(column.attribute, column.text) for column in file.columns if column.attribute in _PERSONAL])
        for file in manifest.files
    ]
    sources += [
        (
            f"converted_{table.object}",
            [
                (attribute.name, quoted(attribute.name))
                for attribute in table.attributes
                if attribute.personal in (Personal.EMAIL, Personal.PHONE)
            ],
        )
        for table in TABLES
    ]
    selects = []
    for relation, cells in sources:
        sought = [
            (literal(name), literal(_PERSONAL[name]), cell, form)
            for name, cell in cells
            for form in _forms(_PERSONAL[name], cell)
        ]
        if sought:
            names, kinds, said, forms = (", ".join(each) for each in zip(*sought, strict=True))
            selects.append(
                f"""SELECT unnest([{names}]) AS attribute, unnest([{kinds}]) AS kind, unnest([{said}]::VARCHAR[]) AS said,
                    unnest([{forms}]::VARCHAR[]) AS form FROM {relation}"""
            )
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) WHERE form IS NOT NULL"


def _forms(kind: Personal, cell: str) -> list[str]:
    """SQL of what a cell is looked for by; null where it says nothing that can be told from other words."""
    match kind:
        case Personal.PLACE | Personal.TITLE:
            # Words of every day: replaced where a column is theirs.
            return []
        case Personal.EMAIL:
            return [f"CASE WHEN contains({cell}, '@') THEN form({cell}) END"]
        case Personal.PHONE:
            many = f"strlen(digits({cell})) >= 7"
            return [f"CASE WHEN {many} THEN form({cell}) END", f"CASE WHEN {many} THEN digits({cell}) END"]
        case Personal.CUSTOMER | Personal.SUBSCRIPTION | Personal.ADDRESS | Personal.GROUP | Personal.ORDER:
            # Ids that are words, or short, are words and codes too.
            return [f"CASE WHEN strlen({cell}) >= 5 AND regexp_matches({cell}, '[0-9]') THEN form({cell}) END"]
        case _:
            return [f"form({cell})"]


def _create_own(connection: duckdb.DuckDBPyConnection, manifest: Manifest, said: Iterable[str]) -> None:
    """The tables ``own_text``, what we and the publisher say, and ``own_phrase``, its words: neither tells of a reader."""
    texts = {_SAID, *said, *RULES, *Severity, *ledger.DISPOSITIONS, *_OURS, *findings.COLUMNS, *_PERSONAL, *ATTRIBUTES}
    for rule in RULES.values():
        texts |= {rule.sentence, rule.fix}
    for relation in (*FILES.values(), *scope.FILES.values(), *passwords.FILES.values()):
        texts.update(re.findall(r"'([^'\n]*)'", relation.sql))
    texts |= {text for item in going_live.ITEMS for text in (item.section, item.words)}
    texts |= {*scope.QUESTIONS.values(), *scope.TAXES.values(), *going_live.COLUMNS, *passwords.COLUMNS}
    for table in TABLES:
        texts |= {table.object, table.title}
    texts |= {segment.name for segment in statistics.SEGMENTS}
    for file in manifest.files:
        texts |= {file.name, *(column.shown for column in file.columns)}
        texts.update(text for told in file.told for text in (told.detail, told.told, told.evidence))
    texts.update(path.read_text(encoding="utf-8") for path in sorted(_TEMPLATES.glob("*.html")))
    for table in (PRODUCTS, PLANS):
        listed = ", ".join(quoted(name) for name in tables.columns(manifest, table))
        texts.update(
            cell
            for row in connection.execute(f"SELECT {listed} FROM converted_{table.object}").fetchall()
            for cell in row
            if cell
        )
    connection.execute("CREATE OR REPLACE TEMP TABLE own_text AS SELECT DISTINCT unnest(?) AS text", [sorted(texts)])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE own_phrase AS SELECT DISTINCT unnest(phrases(text)) AS form FROM own_text"
    )


@dataclass(frozen=True)
class _Csv:
    """A report as a table: its headings, each cell as it stands."""

    path: Path

    @property
    def headings(self) -> list[str]:
        with self.path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))

    @property
    def relation(self) -> str:
        """SQL of its rows, all text, in their order."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.headings)
        return (
            f"read_csv({literal(str(self.path))}, header = true, auto_detect = false, delim = ',', quote = '\"', "
            f"escape = '\"', columns = {{{columns}}})"
        )


def _pseudonymise(
    connection: duckdb.DuckDBPyConnection, reports: Sequence[Path], folder: Path
) -> dict[str, int | None]:
    """Write each report into ``folder`` with pseudonyms; returns its rows."""
    connection.execute("CREATE OR REPLACE TEMP TABLE text (text VARCHAR)")
    for path in reports:
        try:
            if path.suffix == ".html":
                page = path.read_text(encoding="utf-8")
                said = [*markup.texts(page), *map(_without_images, markup.everything(page))]
                connection.execute("INSERT INTO text SELECT unnest(?::VARCHAR[])", [said])
            else:
                report = _Csv(path)
                cells = [cell for _, cell in _by_value(report)]
                # What is ours is not replaced, and asked about here: the delivery is then read once for both.
                connection.execute("INSERT INTO text SELECT unnest(?::VARCHAR[])", [report.headings])
                cells += [f"searched(report.{quoted(name)})" for name in report.headings if name in _OURS]
                distinct = ", ".join(f"list(DISTINCT {cell})" for cell in cells)
                connection.execute(
                    f"INSERT INTO text SELECT unnest(flatten([{distinct}])) FROM {report.relation} AS report"
                )
        except (UnicodeDecodeError, duckdb.InvalidInputException, StopIteration) as error:
            raise UnusableInputError(
                f"{path.name} of the reports cannot be read: run the extract again, or take the file out."
            ) from error
    _create_replacement(connection)
    rows: dict[str, int | None] = {}
    for path in reports:
        if path.suffix == ".html":
            page = path.read_text(encoding="utf-8")
            replacements = dict(connection.execute("SELECT text, shared FROM replacement").fetchall())
            (folder / path.name).write_text(markup.replaced(page, replacements), encoding="utf-8")
            rows[path.name] = None
        else:
            ((rows[path.name],),) = connection.execute(_copied(_Csv(path), folder / path.name)).fetchall()
    return rows


def _create_searched(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """The macro ``searched``: what of a cell is searched, without pseudonyms, the lines that we name, and counts. Beside it the
    tables ``asked`` and ``delivered_form`` of what was looked for already, and what of it was delivered.
    """
    files = "|".join(re.escape(file.name) for file in manifest.files)
    taken_out = rf"{pseudonyms.SHAPE}|(?:{files}):[0-9]{{1,8}}|on lines? [0-9]{{1,8}}(?:, [0-9]{{1,8}})*"
    connection.execute(
        f"""CREATE OR REPLACE TEMP MACRO searched(cell) AS CASE WHEN NOT regexp_full_match(cell, '[0-9]{{0,7}}')
        THEN nullif(trim(regexp_replace(cell, {literal(taken_out)}, chr(30), 'g'), ' ' || chr(30)), '') END"""
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE asked (form VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE delivered_form AS FROM delivered_value LIMIT 0")


def _find(connection: duckdb.DuckDBPyConnection) -> None:
    """The table ``found`` of what of persons stands in the texts of ``text``; reads the delivery for what was not asked before."""
    make(connection, [_FOUND["sought"]])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE asking AS SELECT DISTINCT form FROM sought ANTI JOIN asked USING (form)"
    )
    ((asking,),) = connection.execute("SELECT count(*) FROM asking").fetchall()
    if asking:
        connection.execute(
            """INSERT INTO delivered_form BY NAME SELECT attribute, kind, min(said) AS said, form
            FROM delivered_value SEMI JOIN asking USING (form) GROUP BY ALL"""
        )
        connection.execute("INSERT INTO asked FROM asking")
    make(connection, [_FOUND["found"]])


def _without_images(piece: str) -> str:
    """A piece of a page without its images, whose letters are chance."""
    return re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+", "", piece)


def _create_replacement(connection: duckdb.DuckDBPyConnection) -> None:
    """The table ``replacement``: by text that holds something personal what stands in its place."""
    _find(connection)
    found: dict[str, list[tuple[str, str]]] = {}
    for text, form, pseudonym in connection.execute(
        "SELECT text, form, pseudonym(kind, said) FROM found ORDER BY text, length(form) DESC, form"
    ).fetchall():
        found.setdefault(text, []).append((form, pseudonym))
    shared = [_shared(text, forms) for text, forms in found.items()]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE replacement AS SELECT unnest(?::VARCHAR[]) AS text, unnest(?::VARCHAR[]) AS shared",
        [list(found), shared],
    )


def _shared(text: str, found: Sequence[tuple[str, str]]) -> str:
    """The text with a pseudonym for each form that was found in it, the longest first."""
    if whole := [pseudonym for form, pseudonym in found if form.count(" ") >= 7]:
        # The value may go on behind the words that it was found by.
        return whole[0]
    standing_in = [pseudonym for _, pseudonym in found]
    forms = "|".join(f"({_spelled(form)})" for form, _ in found)
    return re.sub(
        rf"(?<![^\W_])(?:{forms})(?![^\W_])", lambda match: standing_in[match.lastindex - 1], text, flags=re.IGNORECASE
    )


def _spelled(form: str) -> str:
    """The regular expression of a form as it may be written: words with anything between them, digits with what parts them."""
    if form.isdecimal():
        return r"\+?\(?" + r"[ ().-]*".join(form)
    return r"[\W_]+".join(map(re.escape, form.split(" ")))


def _keyed(object_: str, key: str) -> str:
    """SQL of what names an object to a person, with the pseudonym of whom it belongs to; null where the object is none of ours.

    A subscription without an id is named by its customer's.
    """
    belonging = ", ".join(literal(table.object) for table in TABLES if table not in (PRODUCTS, PLANS))
    return f"""CASE WHEN {object_} IN ('{PRODUCTS.object}', '{PLANS.object}') THEN {key}
        WHEN {object_} = 'subscription' AND plain({key}) IN (FROM subscription_id) THEN pseudonym('{Personal.SUBSCRIPTION}', {key})
        WHEN {object_} IN ({belonging}) THEN pseudonym('{Personal.CUSTOMER}', {key}) END"""


def _of_attribute(cell: str, rule: str) -> str:
    """SQL of a finding's value or result by the attribute that it is of; null where that tells nothing of persons."""
    whens = [
        f"WHEN report.attribute IN ({', '.join(literal(n) for n, k in _PERSONAL.items() if k is kind)}) THEN pseudonym('{kind}', {cell})"
        for kind in dict.fromkeys(_PERSONAL.values())
    ]
    known = ", ".join(map(literal, ATTRIBUTES))
    return f"""CASE WHEN {cell} = '{HIDDEN}' THEN {cell}
        WHEN {rule} IN ({", ".join(map(literal, _QUOTING))}) THEN pseudonym('{pseudonyms.LINE}', {cell})
        {" ".join(whens)}
        WHEN report.attribute NOT IN ({known}) AND NOT regexp_matches(report.attribute, '^(?:{PLANS.object}|{PRODUCTS.object})[.]')
            THEN pseudonym('{pseudonyms.VALUE}', {cell}) END"""


def _told_by_column(heading: str, headings: Sequence[str]) -> str:
    """SQL of a cell as its column's meaning has it, null where that tells nothing and the value must."""
    cell = f"report.{quoted(heading)}"
    held = frozenset(headings)
    if heading == "message" and "rule" in held:
        whens = "".join(
            f" WHEN '{rule}' THEN regexp_replace({cell}, '(Most probably ).*( is meant[.])', "
            f"'\\1' || pseudonym('{kind}', regexp_extract({cell}, 'Most probably (.*) is meant[.]', 1)) || '\\2')"
            for rule, kind in _MEANT.items()
        )
        return f"CASE report.rule{whens} ELSE {cell} END"
    if heading in _OURS:
        return cell
    if heading == "key" and "object" in held:
        return _keyed("report.object", cell)
    if heading == "related" and "object" in held:
        parts = rf"regexp_extract({cell}, '(?s)^(.*?:\d+) [(](.*)[)]$', ['place', 'key'])"
        return rf"""CASE WHEN regexp_full_match({cell}, '(?s).*?:\d+ [(].*[)]')
            THEN {parts}.place || ' (' || {_keyed("report.object", f"{parts}.key")} || ')' END"""
    if heading in ("value", "result") and {"attribute", "rule"} <= held:
        return _of_attribute(cell, "report.rule")
    if heading in _PERSONAL:
        kind = _PERSONAL[heading]
        return f"'{HIDDEN}'" if kind is Personal.PASSWORD else f"pseudonym('{kind}', {cell})"
    return "NULL"


def _by_value(report: _Csv) -> list[tuple[str, str]]:
    """The columns of a report that may hold delivered text, each with SQL of the cell where its column does not tell what it is."""
    headings = report.headings
    return [
        (name, f"CASE WHEN {_told_by_column(name, headings)} IS NULL THEN report.{quoted(name)} END")
        for name in headings
        if name not in _OURS and name not in _PERSONAL
    ]


def _copied(report: _Csv, to: Path) -> str:
    """SQL that writes a report with pseudonyms, row by row in its order."""
    headings = report.headings
    by_value = {name: f"by_value_{position}" for position, (name, _) in enumerate(_by_value(report))}
    cells = []
    for name in headings:
        told, cell = _told_by_column(name, headings), f"report.{quoted(name)}"
        told = f"coalesce({told}, {by_value[name]}.shared, {cell})" if name in by_value else told
        cells.append(f"CASE WHEN {cell} <> '' THEN {told} END AS {quoted(name)}")
    joins = " ".join(
        f"LEFT JOIN replacement AS {alias} ON {alias}.text = report.{quoted(name)}" for name, alias in by_value.items()
    )
    return f"""COPY (
        SELECT {", ".join(cells)} FROM (SELECT *, row_number() OVER () AS "place in file" FROM {report.relation}) AS report {joins}
        ORDER BY "place in file") TO {literal(str(to))} (FORMAT csv, HEADER)"""


def _verify(connection: duckdb.DuckDBPyConnection, paths: ExtractPaths, folder: Path) -> None:
    """Raise RefusedError where a finished file holds something personal."""
    connection.execute("CREATE OR REPLACE TEMP TABLE finished (report VARCHAR, heading VARCHAR, text VARCHAR)")
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv":
            headings = _Csv(path).headings
            named = ", ".join(map(literal, headings))
            searched = ", ".join(f"list(DISTINCT searched({quoted(name)}))" for name in headings)
            connection.execute(
                f"""INSERT INTO finished SELECT {literal(path.name)}, heading, unnest(list_append(texts, heading)) FROM (
                SELECT unnest([{named}]) AS heading, unnest([{searched}]) AS texts FROM {_Csv(path).relation})"""
            )
        else:
            page = path.read_text(encoding="utf-8")
            said = (
                [_without_images(each) for each in markup.everything(page)]
                if path.suffix == ".html"
                else page.splitlines()
            )
            connection.execute("INSERT INTO finished SELECT ?, NULL, searched(unnest(?::VARCHAR[]))", [path.name, said])
    connection.execute("CREATE OR REPLACE TEMP TABLE text AS SELECT DISTINCT text FROM finished WHERE text IS NOT NULL")
    _find(connection)
    for report, heading, attribute in connection.execute(
        "SELECT DISTINCT report, heading, attribute FROM finished JOIN found USING (text) ORDER BY ALL LIMIT 1"
    ).fetchall():
        column = f" in its column {heading}" if heading else ""
        raise RefusedError(
            f"{paths.extract} is not shared, and nothing was written: {report} holds{column} what was delivered as "
            f"{attribute or 'no email address, and is one'}; run the extract again, or take the report out of {paths.reports}."
        )


def _readme(paths: ExtractPaths, reports: Sequence[Path], left_out: Sequence[str]) -> str:
    """What whoever opens the bundle should know."""
    lines = [
        f"Reports of the migration of {paths.extract}, without personal data.",
        "",
        "A word such as customer-3f9a1c2b7d04 stands for one delivered value: the same in every report and in every bundle of",
        "this workspace. It is made with a key that is kept there and is not in this bundle. What follows the word for the kind",
        "says nothing of the value. Products, plans, files, lines, rules and counts are as they were.",
        "",
        "In it:",
        *(f"  {path.name}" for path in reports),
        *(
            ["", "Left out, because it is neither CSV nor HTML:", *(f"  {name}" for name in left_out)]
            if left_out
            else []
        ),
        "",
        "Before it was packed every file was searched for what was delivered: email addresses, names, companies, phones, address",
        "lines, passwords and ids. Not looked for are values of fewer than three characters, numbers of fewer than seven digits,",
        "and, within sentences, words that the reports themselves use.",
        "Whoever has the delivery as well can tell by file and line who is meant.",
    ]
    return "\n".join(lines) + "\n"
