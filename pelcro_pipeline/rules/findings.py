"""Findings: every violation with its place, its words and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from pelcro_pipeline.conversion import tables
from pelcro_pipeline.conversion.passwords import ENOUGH
from pelcro_pipeline.conversion.select import absent
from pelcro_pipeline.delivery.header import invisible_in
from pelcro_pipeline.delivery.manifest import DeliveredFile, Manifest, Told
from pelcro_pipeline.delivery.nearest import nearest
from pelcro_pipeline.engine import checksum
from pelcro_pipeline.engine.relations import Relation, make
from pelcro_pipeline.errors import RefusedError
from pelcro_pipeline.rules.catalogue import RULES
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.rules.keys import keys_of
from pelcro_pipeline.spec import BY_OBJECT, HIDDEN, TABLES
from pelcro_pipeline.spec.kinds import HASH_SHAPES, WORDPRESS
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import condition, escaped, literal, quoted

COLUMNS = (
    "file", "line", "object", "key", "attribute", "rule",
    "severity", "value", "result", "message", "fix", "related",
)  # fmt: skip
#: Those that hold delivered text.
DELIVERED = ("file", "key", "value", "result", "related")


#: What a finding is put together from, in the order in which it is made.
ORDER = (
    "absent_column",
    "file_size",
    "single_violation",
    "rolled_up",
    "reported_violation",
    "mentioned",
    "mentioned_key",
    "known_key",
    "quarantined_cell",
    "meant_key",
    "wording",
    "finding",
)


def relations(manifest: Manifest) -> dict[str, Relation]:
    """Those of them whose content an extract or the catalogue says, by name."""
    rules = ", ".join(f"({literal(rule.id)}, {literal(rule.sentence)}, {literal(rule.fix)})" for rule in RULES.values())
    rendered = (
        Relation(
            "absent_column", "The template's columns that a file lacks.", (), _absent_columns(manifest), stored=True
        ),
        Relation(
            "file_size",
            "How many records each file holds.",
            (),
            f"FROM (VALUES {', '.join(f'({file.ordinal}::BIGINT, {file.records})' for file in manifest.files)}) AS sizes(file, records)",
        ),
        Relation("quarantined_cell", "The cells of ragged records, as far as they can be told.", (), _ragged(manifest)),
        Relation(
            "mentioned_key",
            "What names an object of a mentioned record to a person.",
            ("mentioned", *(f"converted_{table.object}" for table in TABLES)),
            keys_of("mentioned"),
            stored=True,
        ),
        Relation(
            "wording",
            "The catalogue's words for each rule.",
            (),
            f"FROM (VALUES {rules}) AS wordings(rule, message, fix)",
            stored=True,
        ),
    )
    return {relation.name: relation for relation in rendered}


def create_findings(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    password_samples: Mapping[str, int],
) -> list[Relation]:
    """The temporary table ``finding``: the columns of findings.csv, and ``record``, by which they are sorted.

    ``password_samples`` counts the verified sample pairs of each scheme. Returns the relations that it made.
    """
    known = FILES | relations(manifest)
    made = [known[name] for name in ORDER]
    make(connection, made)
    for statement in [*_of_whole_files(manifest), _unproven(manifest, password_samples)]:
        connection.execute(f"INSERT INTO finding BY NAME {statement}")
    connection.execute(
        """UPDATE finding SET question = question_id(finding.rule, attribute,
            CASE asks.about WHEN 'file' THEN file WHEN 'value' THEN coalesce(finding.asked_about, trim_to_null(value)) END)
        FROM asks WHERE asks.rule = finding.rule AND severity = 'question' AND question IS NULL"""
    )
    connection.execute(
        """INSERT INTO answered BY NAME SELECT finding.rule, finding.question, word, effect
        FROM finding JOIN answer USING (question) WHERE effect = 'accept' AND question NOT IN (SELECT question FROM stale)"""
    )
    connection.execute("DELETE FROM finding WHERE question IN (SELECT question FROM answered WHERE record IS NULL)")
    return made


def _absent_columns(manifest: Manifest) -> str:
    rows = [
        f"({file.ordinal}::BIGINT, {literal(attribute.name)})"
        for file in manifest.files
        for object_ in file.objects
        for attribute in BY_OBJECT[object_].attributes
        if attribute.name not in file.attributes
    ]
    return f"FROM (VALUES {', '.join([*rows, '(-1, NULL)'])}) AS absent(file, attribute)"


#: What the objects of a file are named by.
_KEYS = {"customer": ("customer",), "product": ("product",), "plan": ("plan",), "subscription": ("donor", "group")}


def _ragged(manifest: Manifest) -> str:
    selects = ["SELECT NULL AS file, NULL::BIGINT AS line, NULL AS key_of, NULL AS text WHERE false"]
    for file in manifest.files:
        keys = [key_of for object_ in file.objects for key_of in _KEYS.get(object_, ())]
        if file.quarantined is not None and keys:
            selects.append(
                f"""SELECT {literal(file.name)}, line, key_of, trim(cell, ' "') FROM (
                    SELECT line, unnest(string_split(text, {literal(file.delimiter)})) AS cell
                    FROM read_parquet({literal(file.quarantined)}) WHERE rule = 'FILE-RAGGED'
                ), (SELECT unnest([{", ".join(map(literal, keys))}]) AS key_of)"""
            )
    return "\nUNION ALL\n".join(selects)


def _told(told: Told, at: str) -> str:
    """SQL of the finding of what a column was told to mean."""
    words = {"attribute": told.attribute, "object": told.object, "value": told.value}
    columns = ", ".join(f"{literal(text)} AS {name}" for name, text in words.items() if text is not None)
    return f"""SELECT {at}{", " if columns else ""}{columns}, rule, {literal(told.severity)} AS severity,
        message || ' ' || {literal(told.detail)} AS message, fix FROM wording WHERE rule = {literal(told.rule)}"""


def _of_whole_files(manifest: Manifest) -> list[str]:
    """SQL of the findings that name a file and no line."""
    statements = [
        f"""SELECT file, line, object, rule, {literal(Severity.REJECT)} AS severity, message, fix, record
        FROM quarantined JOIN wording USING (rule) WHERE rule = 'FILE-RAGGED'"""
    ]
    statements += [
        _worded(
            "FILE-SHEET",
            Severity.QUESTION,
            f"{literal(sheet.name)} AS file, {tables.first_record_of(sheet.ordinal)} AS record",
            told,
        )
        for sheet in manifest.unread
        for told in [
            f"It has no header of a template, and is not read: {sheet.rows:,} {'row' if sheet.rows == 1 else 'rows'}."
        ]
    ]
    for file in manifest.files:
        at = f"{literal(file.name)} AS file, {tables.first_record(file)} AS record"
        near = nearest([column.header for column in file.unknown], file.attributes, file.objects)
        statements += [
            _worded(
                "FILE-HEADER",
                Severity.QUESTION,
                f"{at}, {literal(column.header)} AS attribute",
                to_do=f"The nearest is {near[column.header]}." if column.header in near else "",
            )
            for column in file.unknown
            # What an export has beside what its map reads is known to the map.
            if file.made_of is None
        ]
        statements += [_told(each, at) for each in file.told]
        statements += [
            _worded(
                "FILE-INVISIBLE",
                Severity.REPAIR,
                f"{at}, {literal(column.attribute)} AS attribute, {literal(column.header)} AS value, "
                f"{literal(column.attribute)} AS result",
                f"In the header: {', '.join(invisible)}.",
            )
            for column in file.columns
            if column.attribute and (invisible := invisible_in(column.header))
        ]
        if file.hidden:
            statements.append(_worded("FILE-SHEET", Severity.QUESTION, at, "It is hidden, and is read."))
        if file.noted is not None:
            statements.append(
                f"""SELECT {at}, line, rule, 'question' AS severity, text AS value, message, fix
                FROM read_parquet({literal(file.noted)}) JOIN wording USING (rule) WHERE rule IN ('FILE-NO-RECORD', 'FILE-QUOTE')"""
            )
        statements += [
            _worded(
                "FILE-CARD-NUMBER", Severity.QUESTION, f"{at}, {literal(file.columns[position].shown)} AS attribute"
            )
            for position in file.vouched
        ]
        statements += _absent_repairs(file, at)
        statements.append(
            f"""SELECT {at}, object, violation.attribute, rule, severity,
                if(min(result) = max(result), min(result), NULL) AS result,
                any_value(message) || {_absent("count(*)")} AS message,
                any_value(fix) AS fix
            FROM violation JOIN wording USING (rule)
            JOIN absent_column ON severity = 'repair' AND absent_column.attribute = violation.attribute
                AND absent_column.file = file_of(violation.record)
            WHERE absent_column.file = {file.ordinal} GROUP BY ALL"""
        )
    return statements


def _absent_repairs(file: DeliveredFile, at: str) -> list[str]:
    """What the spec infers for a column that the file lacks."""
    statements = []
    for object_ in file.objects:
        source = f"converted_{object_}"
        if object_ == "subscription":
            source += " SEMI JOIN judged_subscription USING (record)"
        for attribute in BY_OBJECT[object_].attributes:
            for violation in attribute.violations:
                if absent(file, attribute, violation) and not violation.cross_record:
                    value = quoted(attribute.name)
                    concerned = condition(violation.when) if violation.when else "true"
                    statements.append(
                        f"""SELECT {at}, {literal(object_)} AS object, {literal(attribute.name)} AS attribute,
                            rule, 'repair' AS severity, result,
                            message || {_absent("records")} AS message, fix
                        FROM wording, (
                            SELECT count(*) AS records, if(min({value}) = max({value}), min({value}), NULL) AS result
                            FROM {source} WHERE file_of(record) = {file.ordinal} AND {concerned})
                        WHERE rule = {literal(violation.rule)} AND records > 0"""
                    )
    return statements


def _unproven(manifest: Manifest, password_samples: Mapping[str, int]) -> str:
    """SQL of CUS-PASSWORD-UNPROVEN: one question for each scheme that too few samples prove.

    WordPress has hashes of three kinds: the question says which were found.
    """
    samples = ", ".join(f"({literal(scheme)}, {count})" for scheme, count in (password_samples or {"": 0}).items())
    files = manifest.holding("customer")
    kind = f"""regexp_extract("customer.password", '{HASH_SHAPES[WORDPRESS]}')"""
    at = f"{literal(files[0].name) if len(files) == 1 else 'NULL'} AS file, {tables.first_record(files[0]) if files else 0} AS record"
    return f"""
        SELECT {at}, 'customer' AS object, 'customer.password' AS attribute, scheme AS asked_about, rule, 'question' AS severity, {literal(HIDDEN)} AS value,
            message || ' Scheme ' || scheme || if(scheme = {literal(WORDPRESS)}, ' (' || kinds || ')', '') || ': ' || passwords
                || if(passwords = 1, ' password, ', ' passwords, ') || coalesce(verified, 0) || ' of {ENOUGH} samples verified.' AS message,
            fix
        FROM (
            SELECT "customer.common_metadata.password_encryption" AS scheme, count(*) AS passwords,
                string_agg(DISTINCT {kind}, ', ' ORDER BY {kind}) AS kinds
            FROM golden_record WHERE "customer.password" IS NOT NULL AND scheme IS NOT NULL GROUP BY scheme
        )
        LEFT JOIN (VALUES {samples}) sample(scheme, verified) USING (scheme)
        JOIN wording ON rule = 'CUS-PASSWORD-UNPROVEN'
        WHERE coalesce(verified, 0) < {ENOUGH}"""


def _absent(count: str) -> str:
    return f"' The column is absent: this holds for ' || {count} || if({count} = 1, ' record.', ' records.')"


def _worded(rule: str, severity: Severity, columns: str, told: str = "", to_do: str = "") -> str:
    """SQL of a rule's finding, its words and what is ``told`` and ``to_do`` here beside them."""
    return (
        f"SELECT {columns}, rule, {literal(severity)} AS severity, concat_ws(' ', message, {_or_null(told)}) AS message, "
        f"concat_ws(' ', fix, {_or_null(to_do)}) AS fix FROM wording WHERE rule = {literal(rule)}"
    )


def _or_null(text: str) -> str:
    return literal(text) if text else "NULL"


def write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the findings as findings.csv has them: in file order, then in the catalogue's; no two in an order of chance."""
    connection.execute(
        f"""COPY (
        SELECT {", ".join(COLUMNS)}
        FROM finding LEFT JOIN object_rank USING (object) LEFT JOIN rule_rank USING (rule)
        ORDER BY file_of(finding.record), finding.line NULLS FIRST, object_rank.rank, rule_rank.rank,
            finding.attribute, finding.value, finding.related, finding.result, finding.message
        ) TO {literal(str(path))} (FORMAT parquet)"""
    )
    checksum.write_digest(path, checksum.digest_of(path))


def attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The view ``findings`` as they were written to ``path``."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW findings AS FROM read_parquet({literal(str(path))})")


def write_csv(connection: duckdb.DuckDBPyConnection, path: Path, where: str = "true") -> None:
    """Write the view ``findings``, or those for which ``where`` holds, as findings.csv has them."""
    connection.execute(
        f"COPY (SELECT {escaped(COLUMNS, DELIVERED)} FROM findings WHERE {where}) TO {literal(str(path))} (FORMAT csv, HEADER)"
    )


def verify(path: Path) -> None:
    """Raise RefusedError where the findings that stand at ``path`` are not those that were written."""
    if not checksum.matches(path, checksum.digest_of(path)):
        raise RefusedError("The findings are not as they were made: run the extract again from the start.")
