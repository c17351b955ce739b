"""The SELECT of a map: from the records of one export to the attributes of the templates that it fills.

Its layers stand on each other:

    stored      the records with their numbers: their cells, and what was looked up for them
    kept        one row: of each template with a key, which records stand for one, by their numbers
    delivered   the columns that the map names, trimmed, empty cells null; beside them the cells as they stand
    placed      beside it in which templates with a key the record stands, and why it is dropped from one
    taken       what each attribute is made of, where the record stands: a column, a constant, an expression, what is looked up
    stepped     beside it what map, date and money make of it, null where they cannot
    mapped      the attributes of the templates that the record stands in, and what could not be handled

The first two say what a record cannot say alone, and are kept. All else is worked out anew whenever a file is read: that takes a
fraction of what it takes to write it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import NOTHING, Settings
from pelcro_pipeline.sources import expression
from pelcro_pipeline.sources.source_map import Made, Money, SourceMap, Step, Target, Unique, columns_of
from pelcro_pipeline.spec.sql import literal, quoted

#: Steps that can fail are bits of a mask.
_MASK_BITS = 63
#: Text in which a profile finds no sign.
_PLAIN = re.compile(r"[A-Za-z_ -][A-Za-z0-9_ -]*|[0-9]{1,4}")


class Delivered(NamedTuple):
    """A delivered file of an export: its ordinal, SQL of its records with their ``record`` number, and the SQL name of each column."""

    ordinal: int
    relation: str
    cells: Mapping[str, str]


class Failing(NamedTuple):
    """A step that can fail on a record's value: its bit in ``failures``, and the condition."""

    bit: int
    attribute: str
    step: Step
    condition: str
    value: str


class LookedUp(NamedTuple):
    """What is looked up by one key: SQL of a record's key, SQL of ``key, found``, and by attribute its field of ``found``."""

    key: str
    table: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Compiled:
    """What the map makes of one export, ready for each of its files."""

    targets: tuple[Target, ...]
    #: By attribute, what it is made of, as SQL over ``delivered``; and the delivered columns that it is made of.
    inputs: Mapping[str, str]
    made_of: Mapping[str, tuple[str, ...]]
    #: The columns that anything names.
    named: tuple[str, ...]
    lookups: tuple[LookedUp, ...]
    settings: Settings

    @property
    def fields(self) -> dict[str, tuple[Target, Made]]:
        """The attributes of all its templates, each once."""
        return {name: (target, made) for target in self.targets for name, made in target.fields.items()}

    @property
    def copied(self) -> dict[str, str]:
        """The attributes that are a delivered column as it stands, wherever a record stands: nothing is made of these."""
        return {
            name: made.column
            for name, (target, made) in self.fields.items()
            if made.column is not None and not made.steps and made.default is None and not self._may_lack(target)
        }

    @property
    def failing(self) -> tuple[Failing, ...]:
        """The steps that can fail, in the order of their bits."""
        found = []
        for name, (target, made) in self.fields.items():
            key, taken, stepped = quoted(f"{name} ?"), quoted(name), quoted(f"{name} =")
            for step in made.steps:
                match step:
                    case Step.LOOKUP:
                        condition, value = f"{key} IS NOT NULL AND NOT {quoted(f'{name} found')}", key
                    case Step.MAP:
                        condition, value = f"{taken} IS NOT NULL AND {_mapped(taken, made)} IS NULL", taken
                    case _:
                        before = _mapped(taken, made) if made.map is not None else taken
                        condition, value = f"nullif({before}, '') IS NOT NULL AND {stepped} IS NULL", taken
                found.append(Failing(len(found), name, step, f"{_stands(target)} AND {condition}", value))
        if len(found) > _MASK_BITS:
            raise UnusableInputError(
                f"A map has at most {_MASK_BITS} steps for one export, and this one has {len(found)}."
            )
        return tuple(found)

    @property
    def has_keys(self) -> bool:
        """Whether one of its templates has one record for each key."""
        return any(target.unique is not None for target in self.targets)

    @property
    def leaves_out(self) -> bool:
        """Whether some records may stand in none of its templates."""
        return all(map(_is_partial, self.targets))

    def _may_lack(self, target: Target) -> bool:
        """Whether a record that stands may stand in another template alone."""
        return len(self.targets) > 1 and _is_partial(target)

    @property
    def settled(self) -> frozenset[str]:
        """The attributes whose every value the map itself writes, so that it tells nothing: constants, values of a map, days and amounts."""
        return frozenset(name for name, (_, made) in self.fields.items() if self._is_settled(made))

    def _is_settled(self, made: Made) -> bool:
        written = [*(made.map or {}).values(), made.const, made.default]
        nothing = self.settings.nothing or NOTHING
        return bool(made.const or made.map or made.date or made.money) and all(
            not each or (_PLAIN.fullmatch(each) and each not in nothing) for each in written
        )

    def stored(self, file: Delivered) -> str:
        """SQL of a file's records with what is looked up for them. Needs the tables of ``create_lookups``."""
        cells = list(file.cells.values())
        found = [_looked_up(number) for number in range(len(self.lookups))]
        joins = [f"LEFT JOIN {name} ON {name}.key = {each.key}" for name, each in zip(found, self.lookups, strict=True)]
        return f"""WITH delivered AS (
    SELECT {_listed([*cells, *self._trimmed(file)])}
    FROM ({file.relation})
)
SELECT {_listed([*(f"delivered.{cell}" for cell in cells), *(f"{name}.found AS {name}" for name in found)])}
FROM delivered
    {_lines(joins)}"""

    def kept(self, file: Delivered, count: int) -> str:
        """SQL of ``kept`` of a file of so many records. Needs the tables of ``create_kept``."""
        bits = [
            f"""(SELECT bitstring_agg(record, 0, {max(count - 1, 0)})
        FROM {quoted(f"kept {target.file}")} WHERE ordinal = {file.ordinal}) AS {quoted(target.file)}"""
            for target in self.targets
            if target.unique is not None
        ]
        return f"SELECT {_listed(bits)}"

    def _trimmed(self, file: Delivered) -> list[str]:
        """SQL of the columns that the map names; null where the file lacks them."""
        return [
            f"trim_cell({file.cells[name]}) AS {quoted(name)}"
            if name in file.cells
            else f"NULL::VARCHAR AS {quoted(name)}"
            for name in self.named
        ]

    def layers(self, file: Delivered) -> str:
        """SQL of the layers up to ``stepped``, over the file's records and ``kept``."""
        columns = self._trimmed(file)
        cells = list(file.cells.values())
        placed = []
        for target in self.targets:
            placed.append(f"{dropped(target)} AS {quoted(f'{target.file} dropped')}")
            if target.unique is not None:
                bit = f"get_bit(kept.{quoted(target.file)}, delivered.record::INTEGER)"
                placed.append(f"coalesce({bit} = 1, false) AS {quoted(f'{target.file} kept')}")
        taken = [
            f"{_where_kept(target, self.inputs[name])} AS {quoted(name)}"
            for name, (target, made) in self.fields.items()
            if made.lookup is None
        ]
        for number, each in enumerate(self.lookups):
            for name, field in each.fields.items():
                taken += [
                    f"{_where_kept(self.fields[name][0], each.key)} AS {quoted(f'{name} ?')}",
                    f"struct_extract({_looked_up(number)}, {literal(field)}) AS {quoted(name)}",
                    f"{_looked_up(number)} IS NOT NULL AS {quoted(f'{name} found')}",
                ]
        taken += [
            f"{_where_kept(target, self._filled(target, object_))} AS {quoted(f'{target.file} {object_} filled')}"
            for target in self.targets
            for object_ in target.objects
        ]
        stepped = [
            f"{self._stepped(name, made)} AS {quoted(f'{name} =')}"
            for name, (_, made) in self.fields.items()
            if made.steps
        ]
        return f"""WITH delivered AS (
    SELECT {_listed(["record", *cells, *map(_looked_up, range(len(self.lookups))), *columns])}
    FROM ({file.relation})
), placed AS (
    SELECT {_listed(["delivered.*", *placed])}
    FROM delivered{" CROSS JOIN kept" if self.has_keys else ""}
), taken AS (
    SELECT {_listed(["record", *cells, *map(_placed, self.targets), *taken])}
    FROM placed AS delivered
), stepped AS (
    SELECT {_listed(["*", *stepped])}
    FROM taken
)"""

    def select(self, file: Delivered, cells: Collection[str] = (), without: Collection[str] = ()) -> str:
        """SQL of the records that stand in a template: ``record``, the cells that are asked for, the attributes but those ``without``,
        ``failures`` (bits), and where there are any ``failed``, what each step failed on by its attribute."""
        attributes = []
        for name, (target, made) in self.fields.items():
            if name in without:
                continue
            value = quoted(name)
            if made.steps:
                value = f"nullif({quoted(f'{name} =')}, '')"
            if made.default is not None:
                empty = quoted(f"{name} ?") if made.lookup is not None else quoted(name)
                value = (
                    f"CASE WHEN {empty} IS NULL THEN {self._where_filled(name, literal(made.default))} ELSE {value} END"
                )
            elif made.const is not None:
                value = self._where_filled(name, value)
            attributes.append(
                f"CASE WHEN {_stands(target)} THEN {value} END AS {quoted(name)}"
                if self._may_lack(target)
                else f"{value} AS {quoted(name)}"
            )
        failing = self.failing
        mask = " | ".join(f"if({each.condition}, {1 << each.bit}, 0)::UBIGINT" for each in failing) or "0::UBIGINT"
        shown = _map({f"{each.attribute} {each.step}": each.value for each in failing})
        standing = " OR ".join(map(_stands, self.targets))
        where = f"\nWHERE {standing}" if self.leaves_out else ""
        return f"""{self.layers(file)}
SELECT {_listed(["record", *cells, *attributes, f"{mask} AS failures", f"CASE WHEN failures <> 0 THEN {shown} END AS failed"])}
FROM stepped{where}"""

    def set_aside(self, file: Delivered) -> str | None:
        """SQL of ``record, rule, reason, objects`` of what stands in no template, or was dropped from one; none where nothing can."""
        if not any(map(_is_partial, self.targets)):
            return None
        selects = []
        for target in self.targets:
            if target.drop:
                objects = ", ".join(
                    f"CASE WHEN {quoted(f'{target.file} {object_} filled')} THEN {literal(object_)} END"
                    for object_ in target.objects
                )
                selects.append(
                    f"""SELECT record, 'SRC-DROPPED' AS rule, {quoted(f"{target.file} dropped")} AS reason,
    list_filter([{objects}], lambda each: each IS NOT NULL) AS objects
FROM stepped WHERE {_kept(target)} AND {quoted(f"{target.file} dropped")} IS NOT NULL"""
                )
        anywhere = " OR ".join(_kept(target) for target in self.targets)
        selects.append(
            f"""SELECT record, 'SRC-SUPERSEDED' AS rule, NULL::VARCHAR AS reason, []::VARCHAR[] AS objects FROM stepped WHERE NOT ({anywhere})"""
        )
        return f"{self.layers(file)}\n" + "\nUNION ALL\n".join(selects)

    def _filled(self, target: Target, object_: str) -> str:
        """SQL, over ``placed``: something else than a constant says that a record holds an object."""
        own = [name for name, made in target.fields.items() if target.object_of(name) == object_ and made.const is None]
        at_hand = [name for name in own if target.fields[name].column is not None and not target.fields[name].steps]
        filled = [
            self._any_filled(names) for names in (at_hand, [name for name in own if name not in at_hand]) if names
        ]
        # A column is at hand: what is made of several is worked out for the records alone in which none is filled.
        return (
            f"CASE WHEN {filled[0]} THEN true ELSE {filled[1]} END" if len(filled) == 2 else "".join(filled) or "true"
        )

    def _any_filled(self, names: Sequence[str]) -> str:
        return f"coalesce({', '.join(self.inputs[name] for name in names)}) IS NOT NULL"

    def _where_filled(self, name: str, value: str) -> str:
        """A constant makes no object: without it a country alone would be an address."""
        target, _ = self.fields[name]
        object_ = target.object_of(name)
        return value if object_ is None else f"CASE WHEN {quoted(f'{target.file} {object_} filled')} THEN {value} END"

    def _stepped(self, name: str, made: Made) -> str:
        value = quoted(name)
        if made.map is not None:
            value = _mapped(value, made)
        if made.date is not None:
            return _date(value, made, self.settings.timezone)
        if made.money is not None:
            return _money(value, made.money, self._currency())
        return value

    def _currency(self) -> str:
        """SQL of the currency of the record's plan."""
        default = literal(self.settings.currency) if self.settings.currency else "NULL"
        fields = self.fields
        if "plan.currency" not in fields:
            return default
        made = fields["plan.currency"][1]
        cell = quoted("plan.currency")
        value = f"nullif({_mapped(cell, made)}, '')" if made.map is not None else cell
        return f"coalesce(lower({value}), {literal(made.default.lower()) if made.default else default})"


def compiled(
    connection: duckdb.DuckDBPyConnection,
    source_map: SourceMap,
    export: str,
    files: Mapping[str, Sequence[Delivered]],
    settings: Settings,
) -> Compiled:
    """Compile what a map makes of an export; ``files`` are those of every export that was delivered.

    Raises UnusableInputError for an expression that may not be run, a format of dates that is none, and names that SQL holds for one.
    """
    targets = source_map.targets(export)
    known = _columns(source_map, export, files.get(export, ()))
    named = dict.fromkeys(name for target in targets for name in columns_of(target))
    inputs, made_of = {}, {}
    for target in targets:
        for name, made in target.fields.items():
            taken, columns = _input(connection, made, known, f"{source_map.system}, {name}")
            named |= dict.fromkeys(columns)
            words = [each for each in (settings.nothing or NOTHING) if each not in settings.not_nothing]
            inputs[name] = f"null_if_word({taken}, [{', '.join(map(literal, words))}])" if made.steps else taken
            made_of[name] = columns
            for format_ in made.formats:
                _refuse_format(connection, format_, f"{source_map.system}, {name}")
    lookups = _lookups(targets, inputs, files)
    _refuse_alike(named, known, lookups)
    return Compiled(targets, inputs, made_of, tuple(named), lookups, settings)


def create_lookups(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """The temporary tables of ``key, found`` that are looked into."""
    for number, each in enumerate(compiled.lookups):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_looked_up(number)} AS {each.table}")


def create_kept(connection: duckdb.DuckDBPyConnection, compiled: Compiled, files: Sequence[Delivered]) -> None:
    """The temporary tables of ``ordinal, record``: of each template with a key, the records of the export that stand for one."""
    for target in compiled.targets:
        if target.unique is not None:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {quoted(f'kept {target.file}')} AS {kept(target, files, compiled)}"
            )


def dropped(target: Target) -> str:
    """SQL, over ``delivered``, of the reason why a record is dropped; null where it is not."""
    when = " ".join(
        f"WHEN coalesce(delivered.{quoted(each.column)}, '') IN ({', '.join(map(literal, each.values))}) THEN {literal(each.reason)}"
        for each in target.drop
    )
    return f"CASE {when} END" if when else "NULL::VARCHAR"


def kept(target: Target, files: Sequence[Delivered], compiled: Compiled) -> str:
    """SQL of ``ordinal, record``: of each key the record that stands for it, whether it is dropped or not.

    Of an event feed it is the last; else the first that is not dropped, if there is one. What has no key of an event feed stands for
    itself, and is nothing elsewhere.
    """
    unique = target.unique
    of_keys = (compiled.made_of[name] if name in target.fields else (name,) for name in unique.key)
    columns = dict.fromkeys((*itertools.chain(*of_keys), *(each.column for each in target.drop)))
    if unique.keep_last_by is not None:
        columns[unique.keep_last_by] = None
    keys = ", ".join(compiled.inputs[name] if name in target.fields else quoted(name) for name in unique.key)
    keyless = f"coalesce({keys}) IS NULL"
    if target.folds:
        last = (
            f"(coalesce({_time(unique.keep_last_by, unique.date)}, '-infinity'), ordinal, record)"
            if unique.date
            else (
                f"(coalesce(try_cast({quoted(unique.keep_last_by)} AS DECIMAL(38, 6)), -1), coalesce({quoted(unique.keep_last_by)}, ''), ordinal, record)"
            )
        )
        chosen = f"arg_max({{ordinal, record}}, {last})"
        alone = f"UNION ALL SELECT ordinal, record FROM delivered WHERE {keyless}"
    else:
        chosen = f"arg_min({{ordinal, record}}, (({dropped(target)}) IS NOT NULL, ordinal, record))"
        alone = ""
    return f"""WITH delivered AS ({of_export(files, columns, alike_once=not target.folds)})
SELECT unnest(stands) FROM (SELECT {chosen} AS stands FROM delivered WHERE NOT {keyless} GROUP BY {keys})
{alone}""".replace("{ordinal, record}", "{'ordinal': ordinal, 'record': record}")


def of_export(files: Sequence[Delivered], columns: Collection[str], *, alike_once: bool = False) -> str:
    """SQL of ``ordinal, record`` and some columns of all files of an export; of those that are alike in these, the first if that will do."""
    selects = []
    for file in files:
        cells = [
            f"{f'trim_cell({file.cells[name]})' if name in file.cells else 'NULL::VARCHAR'} AS {quoted(name)}"
            for name in columns
        ]
        relation = file.relation
        if alike_once:
            # Few products and plans stand in many records: only these few are trimmed and compared.
            own = ", ".join(file.cells[name] for name in columns if name in file.cells)
            relation = f"SELECT min(record) AS record, {own} FROM ({relation}) GROUP BY ALL"
        selects.append(f"SELECT {file.ordinal} AS ordinal, record, {', '.join(cells)} FROM ({relation})")
    if not selects:
        cells = [f"NULL::VARCHAR AS {quoted(name)}" for name in columns]
        selects.append(f"SELECT 0 AS ordinal, 0 AS record, {', '.join(cells)} WHERE false")
    return "\nUNION ALL\n".join(selects)


def _columns(source_map: SourceMap, export: str, files: Sequence[Delivered]) -> dict[str, None]:
    """The columns that an expression may name: those that the map names, and those that were delivered."""
    delivered = (name for file in files for name in file.cells)
    return dict.fromkeys((*source_map.sources[export].named, *delivered))


def _input(
    connection: duckdb.DuckDBPyConnection, made: Made, known: Collection[str], where: str
) -> tuple[str, tuple[str, ...]]:
    if made.const is not None:
        return literal(made.const), ()
    if made.column is not None:
        return f"delivered.{quoted(made.column)}", (made.column,)
    run, columns = expression.vetted(connection, made.sql, known, where)
    return f"trim_to_null(CAST({run} AS VARCHAR))", columns


def _lookups(
    targets: Sequence[Target], inputs: Mapping[str, str], files: Mapping[str, Sequence[Delivered]]
) -> tuple[LookedUp, ...]:
    """What is looked up, once for each key and export: of each key what its first record says, or of the target's own event feed its
    first event."""
    values: dict[tuple[str, str, str, Unique | None], dict[str, str]] = {}
    for target in targets:
        for name, made in target.fields.items():
            if made.lookup is not None:
                feed = target.unique if made.lookup.export == target.source and target.folds else None
                values.setdefault((inputs[name], made.lookup.export, made.lookup.key, feed), {})[name] = (
                    made.lookup.value
                )
    lookups = []
    for (key, export, column, feed), named in values.items():
        fields = {value: f"v{number}" for number, value in enumerate(dict.fromkeys(named.values()))}
        columns, order = dict.fromkeys((column, *fields)), "ordinal, record"
        if feed is not None and feed.date:
            columns[feed.keep_last_by] = None
            order = f"coalesce({_time(feed.keep_last_by, feed.date)}, 'infinity'), {order}"
        found = ", ".join(f"{literal(field)}: {quoted(value)}" for value, field in fields.items())
        table = f"""SELECT {quoted(column)} AS key, arg_min({{{found}}}, ({order})) AS found
FROM ({of_export(files.get(export, ()), columns)})
WHERE {quoted(column)} IS NOT NULL GROUP BY ALL"""
        lookups.append(LookedUp(key, table, {name: fields[value] for name, value in named.items()}))
    return tuple(lookups)


def _time(column: str, format_: str) -> str:
    """SQL of the time that a column says: one instant after the other, whatever the zones that they are written in."""
    return f"({_timestamp(quoted(column), format_)})::TIMESTAMP"


def _timestamp(value: str, format_: str) -> str:
    if format_ in ("epoch", "epoch_ms"):
        by = 1000 if format_ == "epoch_ms" else 1
        return f"CASE WHEN regexp_full_match({value}, '-?\\d{{1,14}}(?:\\.0*)?') THEN to_timestamp({value}::DOUBLE / {by}) END"
    if "%z" in format_:
        # strptime knows offsets, and not the letter for none.
        value = f"regexp_replace({value}, 'Z$', '+0000')"
    return f"try_strptime({value}, {literal(format_)})"


def _date(value: str, made: Made, zone: str) -> str:
    """SQL of the calendar day that a value says; null where no format reads it."""
    days = []
    for format_ in made.formats:
        time = _timestamp(value, format_)
        if format_.startswith("epoch") or "%z" in format_:
            time = f"({time}) AT TIME ZONE {literal(made.tz or zone)}"
        days.append(f"({time})::DATE::VARCHAR")
    return f"coalesce({', '.join(days)})" if len(days) > 1 else days[0]


def _money(value: str, unit: Money, currency: str) -> str:
    """SQL of an amount in the smallest unit of its currency; null where it is no amount, or would not be whole."""
    digits = f"minor_digits({currency})"
    match unit:
        case Money.MINOR:
            return f"CASE WHEN regexp_full_match({value}, '\\d{{1,18}}') THEN {value} END"
        case Money.HUNDREDTHS:
            minor = f"{value}::HUGEINT * pow(10, {digits})::BIGINT"
            return f"CASE WHEN regexp_full_match({value}, '\\d{{1,15}}') AND ({minor}) % 100 = 0 THEN (({minor}) // 100)::VARCHAR END"
        case Money.MAJOR:
            return f"""CASE WHEN regexp_full_match({value}, '\\d{{1,15}}(?:\\.\\d{{1,6}})?')
            AND strlen(rtrim(regexp_extract({value}, '\\.(\\d*)', 1), '0')) <= {digits}
        THEN ({value}::DECIMAL(21, 6) * pow(10, {digits})::BIGINT)::HUGEINT::VARCHAR END"""


def _mapped(value: str, made: Made) -> str:
    """SQL of what a value map makes of a value: an empty text where that is nothing, null where the map does not have it."""
    when = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in made.map.items())
    return f"CASE {value} {when} END" if when else "NULL::VARCHAR"


def _looked_up(number: int) -> str:
    """The name in SQL of what is looked up for a record: a struct of ``value``, null where its key is not found."""
    return f"looked_up_{number}"


def _placed(target: Target) -> str:
    """SQL of where a record stands in a template."""
    kept = f", {_kept(target)}" if target.unique is not None else ""
    return quoted(f"{target.file} dropped") + kept


def _where_kept(target: Target, value: str) -> str:
    """SQL of a value, worked out for those records alone that stand for a key."""
    return f"CASE WHEN {_kept(target)} THEN {value} END" if target.unique is not None else value


def _kept(target: Target) -> str:
    return quoted(f"{target.file} kept") if target.unique is not None else "true"


def _is_partial(target: Target) -> bool:
    """Whether some records of its export may not stand in it."""
    return target.unique is not None or bool(target.drop)


def _stands(target: Target) -> str:
    """SQL: a record stands in a template."""
    return f"({_kept(target)} AND {quoted(f'{target.file} dropped')} IS NULL)"


def _refuse_format(connection: duckdb.DuckDBPyConnection, format_: str, where: str) -> None:
    try:
        connection.execute(f"SELECT {_timestamp(literal('1'), format_)}")
    except duckdb.Error as error:
        raise UnusableInputError(f"{where}: {format_} is no format of dates: {str(error).splitlines()[0]}") from error


def _refuse_alike(named: Collection[str], known: Collection[str], lookups: Sequence[LookedUp]) -> None:
    """SQL does not tell names apart by case, nor from what the SELECT itself calls ``record``, ``c0`` and ``looked_up_0``."""
    own = ("record", *(f"c{position}" for position in range(len(known))), *map(_looked_up, range(len(lookups))))
    taken = {each: each for each in own}
    for name in named:
        other = taken.setdefault(name.lower(), name)
        if other != name or name in ("record", "delivered"):
            raise UnusableInputError(
                f"A map cannot name the columns {name} and {other} of one export: to SQL they are the same."
            )


def _map(values: Mapping[str, str]) -> str:
    return f"map([{', '.join(map(literal, values))}]::VARCHAR[], [{', '.join(values.values())}]::VARCHAR[])"


def _listed(expressions: Sequence[str]) -> str:
    return ",\n        ".join(expressions)


def _lines(clauses: Sequence[str]) -> str:
    return "\n    ".join(clauses)
