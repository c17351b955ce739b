"""The SELECT that converts a delivered file: normalises and finds in one pass, in file order.

Its layers stand on each other:

    delivered   every attribute of the file's objects as delivered text, empty cells null
    canonical   each kind's own spelling
    validated   beside it, how the cell stands to its kind
    repaired    what the kind infers where the cell is outside the accepted forms
    ...         the last three again, for attributes that a sibling decides on (state and zip, by country)
    violated    each object's violations as bits
    converted   imputed values; delivered cells and results of the violated rows alone
"""

from __future__ import annotations

from pelcro_pipeline.delivery.header import is_metadata, metadata_of
from pelcro_pipeline.delivery.manifest import DeliveredFile
from pelcro_pipeline.delivery.recognition import MOST_REPEATED
from pelcro_pipeline.settings import Amounts, Settings
from pelcro_pipeline.spec import (
    ADDRESS_IDS,
    ADDRESSES,
    ATTRIBUTES,
    BY_OBJECT,
    CUSTOMER_ID,
    HIDDEN,
    PLANS,
    SUBSCRIPTIONS,
    TABLES,
    sql,
)
from pelcro_pipeline.spec.kinds import CENTS
from pelcro_pipeline.spec.model import Attribute, Outcome, Severity, Table, Violation
from pelcro_pipeline.spec.sql import literal, quoted

#: Violations of one record are bits of a mask, repeated headers behind them. Lists of rule numbers, for violated rows
#: alone, were measured against it: the conversion took 2 % longer, and asking for a rule twice as long.
_MASK_BITS = 64
assert all(len(table.violations) + MOST_REPEATED <= _MASK_BITS for table in TABLES), "the mask of violations overflows"


def tables_of(file: DeliveredFile) -> tuple[Table, ...]:
    """The tables whose objects the file's records can hold."""
    return tuple(BY_OBJECT[name] for name in file.objects)


def checked_attributes(table: Table) -> tuple[Attribute, ...]:
    """The attributes whose delivered cell a finding may show."""
    return tuple(attribute for attribute in table.attributes if attribute.violations)


def repeated_of(file: DeliveredFile, table: Table) -> tuple[str, ...]:
    """The table's attributes that the header names twice: their bits follow the spec's.

    A repeated customer's id is the own of all that belongs to a customer, an address id of the subscription too.
    """
    own = {attribute.name for attribute in table.attributes}
    if table.object in ADDRESS_IDS:
        own.add(ADDRESS_IDS[table.object].name)
    if table in (*ADDRESSES, SUBSCRIPTIONS):
        own.add(CUSTOMER_ID)
    if table is SUBSCRIPTIONS:
        own.update(attribute.name for attribute in ADDRESS_IDS.values())
    own.update(metadata_of(table, file.repeated))
    return tuple(name for name in file.repeated if name in own)


def agrees(table: Table) -> str:
    """SQL: none of the record's repeated headers disagrees; their bits follow the spec's (``repeated_of``)."""
    return f"violations < {1 << len(table.violations)}"


def select(file: DeliveredFile, settings: Settings) -> str:
    """SQL of the file's conversion: as many rows as records, in file order.

    Columns: the attributes of each object, metadata and address ids; for each object
    ``<object>.held``, ``.violations`` (bits), ``.delivered`` and ``.results`` (by attribute, for violated
    rows); ``blank``, where it holds none of them; and the columns of no template as ``other.<position>``.
    """
    tables = tables_of(file)
    attributes = [attribute for table in tables for attribute in table.attributes]
    plain = [attribute for attribute in attributes if not attribute.conditional]
    conditional = [attribute for attribute in attributes if attribute.conditional]
    constants = sql.constants(settings.today, settings.currency)
    return f"""
WITH delivered AS (
    SELECT {_listed(_delivered(file, attributes))}
    FROM {file.relation()}
), {_by_kind(file, settings, plain, "delivered")}
, {_by_kind(file, settings, conditional, "repaired", "_conditional")}
, violated AS (
    SELECT *, {_listed(_violated(file, settings, tables, constants))}
    FROM repaired_conditional
)
SELECT {_listed(_converted(file, tables, constants))}
FROM violated
"""


def _by_kind(file: DeliveredFile, settings: Settings, attributes: list[Attribute], upon: str, suffix: str = "") -> str:
    """The layers ``canonical``, ``validated`` and ``repaired`` of some attributes, which stand upon another."""
    return f"""canonical{suffix} AS (
    SELECT {_replaced(_canonical(file, settings, attributes))}
    FROM {upon}
), validated{suffix} AS (
    SELECT {_listed(["*", *_outcomes(attributes)])}
    FROM canonical{suffix}
), repaired{suffix} AS (
    SELECT {_replaced(_repaired(attributes))}
    FROM validated{suffix}
)"""


def _listed(expressions: list[str]) -> str:
    return ",\n    ".join(expressions)


def _replaced(replacements: list[str]) -> str:
    return f"* REPLACE ({_listed(replacements)})" if replacements else "*"


def _delivered(file: DeliveredFile, attributes: list[Attribute]) -> list[str]:
    """Each attribute, null where the file lacks it; beside them the raw cells."""
    names = dict.fromkeys([attribute.name for attribute in attributes] + _carried(file))
    cells = []
    for name in names:
        columns = [column.text for column in file.columns_of(name)]
        # Of a header that is named twice, the filled one is the value.
        cells.append(f"{_first_filled(columns) if columns else 'NULL::VARCHAR'} AS {quoted(name)}")
    raw = [column.name for column in file.columns]
    return [*cells, *raw, f"{_blank(file)} AS blank"]


def _first_filled(cells: list[str]) -> str:
    return cells[0] if len(cells) == 1 else f"coalesce({', '.join(cells)})"


def _blank(file: DeliveredFile) -> str:
    """SQL: no cell says anything."""
    first, *others = file.columns
    if any(column.text != f"trim_to_null({column.name})" for column in file.columns):
        return f"coalesce({', '.join(column.text for column in file.columns)}) IS NULL"
    # Most records fill their first cell, and spare themselves the rest.
    cells = ", ".join(column.name for column in others)
    return f"coalesce({first.text}, list_filter([{cells}]::VARCHAR[], lambda cell: trim_to_null(cell) IS NOT NULL)[1]) IS NULL"


def _carried(file: DeliveredFile) -> list[str]:
    """What the file's records carry beside template attributes: the link, address ids, metadata."""
    ids = {attribute.name for attribute in ADDRESS_IDS.values()}
    return [name for name in file.attributes if name == CUSTOMER_ID or name in ids or is_metadata(name)]


def _canonical(file: DeliveredFile, settings: Settings, attributes: list[Attribute]) -> list[str]:
    constants = sql.constants(settings.today, settings.currency)
    return [
        f"{_in_cents(attribute, constants)} AS {quoted(attribute.name)}"
        if attribute.kind is CENTS and settings.amounts is Amounts.UNITS
        else f"{sql.canonical(attribute, reading=_date_reading(file, attribute.name, settings))} AS {quoted(attribute.name)}"
        for attribute in attributes
        if attribute.kind.canonical != "text" and file.columns_of(attribute.name)
    ]


def _in_cents(attribute: Attribute, constants: dict[str, str]) -> str:
    """SQL of an amount that is delivered in units of its plan's currency."""
    currency = f"""coalesce(lower("plan.currency"), {constants["{currency}"]})"""
    return f"in_cents({quoted(attribute.name)}, minor_digits({currency}))"


def _date_reading(file: DeliveredFile, name: str, settings: Settings) -> tuple[str, ...]:
    formats, numbers = file.date_formats, file.date_numbers
    return sql.date_reading(formats.get(name, "%d/%m/%Y"), numbers.get(name, ""), settings.timezone)


def _repeated_cells(file: DeliveredFile, name: str, settings: Settings) -> list[str]:
    """SQL of the cells of a header that is named twice, as the attribute's kind writes them."""
    cells = [column.text for column in file.columns_of(name)]
    if name not in ATTRIBUTES:
        return cells
    return [sql.canonical(ATTRIBUTES[name], cell, _date_reading(file, name, settings)) for cell in cells]


def _outcomes(attributes: list[Attribute]) -> list[str]:
    return [
        f"{sql.outcome(attribute)} AS {sql.outcome_column(attribute)}"
        for attribute in attributes
        if any(violation.outcome for violation in attribute.violations)
    ]


def _repaired(attributes: list[Attribute]) -> list[str]:
    return [
        f"{value} AS {quoted(attribute.name)}"
        for attribute in attributes
        if (value := sql.repaired(attribute)) is not None
    ]


def _violated(
    file: DeliveredFile, settings: Settings, tables: tuple[Table, ...], constants: dict[str, str]
) -> list[str]:
    columns = []
    for table in tables:
        held = _held(file, settings, table)
        bits = [
            f"if({sql.violated(attribute, violation, constants)}, {1 << bit}, 0)"
            for bit, (attribute, violation) in enumerate(table.violations)
            if not violation.cross_record and not absent(file, attribute, violation)
        ]
        bits += [
            f"CASE WHEN {_first_filled(cells)} <> {other} THEN {1 << bit} ELSE 0 END"
            for bit, name in enumerate(repeated_of(file, table), start=len(table.violations))
            for cells in [_repeated_cells(file, name, settings)]
            for other in cells[1:]
        ]
        mask = " | ".join(f"({bit})::UBIGINT" for bit in bits) or "0::UBIGINT"
        columns.append(f"{held} AS {quoted(f'{table.object}.held')}")
        columns.append(f"CASE WHEN {held} THEN {mask} ELSE 0 END AS {quoted(f'{table.object}.violations')}")
    if "customer" in file.objects:
        cells = ", ".join(f"coalesce({column.name}, '')" for column in file.columns)
        columns.append(
            f"CASE WHEN {quoted(CUSTOMER_ID)} IS NULL THEN concat_ws(chr(31), {cells}) END AS record_content"
        )
    return columns


def absent(file: DeliveredFile, attribute: Attribute, violation: Violation) -> bool:
    """A repair for the whole file: its column is absent, and one finding counts the records."""
    return (
        violation.severity is Severity.REPAIR
        and violation.outcome is Outcome.EMPTY
        and not file.columns_of(attribute.name)
    )


def _held(file: DeliveredFile, settings: Settings, table: Table) -> str:
    """SQL: the record holds the table's object."""
    alone = {"customer": True, "product": "plan" not in file.objects, "plan": "product" not in file.objects}
    # A record that a source's map reads may stand in one template and not in another.
    if alone.get(table.object) and file.made_of is None:
        return "NOT blank"
    filled = [sql.presence(attribute) for attribute in table.attributes if file.columns_of(attribute.name)]
    filled += [quoted(name) for name in metadata_of(table, file.attributes)]
    filled += [
        sql.presence(ATTRIBUTES[name], cell) if name in ATTRIBUTES else cell
        for name in repeated_of(file, table)
        if name.startswith(table.prefix)
        for cell in _repeated_cells(file, name, settings)[1:]
    ]
    return sql.held(filled)


def _converted(file: DeliveredFile, tables: tuple[Table, ...], constants: dict[str, str]) -> list[str]:
    columns: dict[str, str] = {}
    for table in tables:
        for attribute in table.attributes:
            columns[attribute.name] = sql.imputed(attribute, constants) or quoted(attribute.name)
    selected = [f"{expression} AS {quoted(name)}" for name, expression in columns.items()]
    selected += [quoted(name) for name in _carried(file) if name not in columns]
    for table in tables:
        held, mask = quoted(f"{table.object}.held"), quoted(f"{table.object}.violations")
        shown = checked_attributes(table)
        delivered = {attribute.name: _shown(file, attribute) for attribute in shown}
        delivered |= {
            repeated_cells_of(name): f"concat_ws(' | ', {', '.join(column.name for column in file.columns_of(name))})"
            for name in repeated_of(file, table)
        }
        results = {attribute.name: columns[attribute.name] for attribute in shown}
        selected += [
            held,
            mask,
            # Of plans, which are few, every delivered amount is asked for (PLN-AMOUNT-UNIT).
            f"CASE WHEN {held if table is PLANS else f'{mask} <> 0'} THEN {_map(delivered)} END AS {quoted(f'{table.object}.delivered')}",
            f"CASE WHEN {mask} <> 0 THEN {_map(results)} END AS {quoted(f'{table.object}.results')}",
        ]
    others = [f"{column.name} AS {quoted(f'other.{column.position}')}" for column in file.unknown]
    held = " OR ".join(quoted(f"{table.object}.held") for table in tables)
    return [*selected, f"NOT ({held}) AS blank", *others]


def repeated_cells_of(name: str) -> str:
    """The name under which the delivered cells of a repeated header stand together."""
    return f"{name} repeated"


def _map(values: dict[str, str]) -> str:
    return f"map([{', '.join(map(literal, values))}], [{', '.join(values.values())}]::VARCHAR[])"


def _shown(file: DeliveredFile, attribute: Attribute) -> str:
    columns = file.columns_of(attribute.name)
    if not columns:
        return "NULL"
    cell = _first_filled([column.name for column in columns])
    return f"CASE WHEN {cell} IS NOT NULL THEN '{HIDDEN}' END" if attribute.secret else cell
