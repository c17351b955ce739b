"""The figures of the statistics counted a second way: from the CSV files that people open, without a database.

A query that is wrong counts the same wrong number as often as it is asked. Here nothing is asked of DuckDB: pyarrow reads the
files, pandas counts, and of ``statistics`` only its words are known (columns, segments, and the names of products and plans).

Counted twice are, of ``prepared/*.csv``, every figure of Pelcro Pre-Processed (objects, attributes, metadata, address ids,
segments, products and plans), and of ``ledger.csv`` what was delivered, merged, rejected and excluded of the objects.

Counted once are:

- what was delivered, merged, rejected, excluded, cleared and inferred of an attribute, a segment, a product or a plan: the ledger
  knows objects and no cells, ``findings.csv`` tells once for many what most of a file breaks, and a delivered cell is read as
  its column was told to be meant;
- staging and production: they stand in no CSV. Of both every cell is compared with the prepared files.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from pelcro_pipeline.review.statistics import DUMP, PREPARED, SEGMENTS
from pelcro_pipeline.spec import ADDRESS_IDS, ADDRESSES, CUSTOMER_ID, CUSTOMERS, PLANS, PRODUCTS, SUBSCRIPTIONS, TABLES
from pelcro_pipeline.spec.model import Table
from pelcro_pipeline.workspace.places import ExtractPaths

#: Section, attribute and column of the statistics.
Figure = tuple[str, str, str]

_PLAN_ID = "subscription.common_metadata.temporary_plan_id"
_PRODUCT_OF_PLAN = "plan.temporary_product_id"
#: The columns of customers.csv that are counted by which of a few values they hold.
_CATEGORIES = {_PLAN_ID} | {segment.attribute for segment in SEGMENTS}
#: An object of several records has the first of these that any of them has.
_DISPOSITIONS = ("prepared", "rejected", "excluded", "merged")
#: Bytes of a file that are parsed at once: twice the longest record that DuckDB would have written or read.
_BLOCK = 1 << 22


def count(paths: ExtractPaths, statistics: pd.DataFrame) -> dict[Figure, int]:
    """The figures that the files tell; of ``statistics`` nothing but the names of products and plans is looked at."""
    folder = paths.prepared
    own_ids = {attribute.name for attribute in ADDRESS_IDS.values()} & set(_header(folder / "customers.csv"))
    customers = _cells(folder / "customers.csv", {CUSTOMER_ID} | own_ids, _CATEGORIES)
    # An id is compared four times, as a number in a quarter of the time.
    customer = pd.Series(pd.factorize(customers[CUSTOMER_ID])[0])
    products = _cells(folder / "products.csv", {PRODUCTS.key, "product.name"})
    plans = _cells(folder / "plans.csv", {PLANS.key, "plan.nickname", _PRODUCT_OF_PLAN})
    # Each object's records, as a mask over those of its file.
    subscribed = customers[_PLAN_ID].notna().to_numpy()
    objects = {
        CUSTOMERS: (customers, ~customer.duplicated().to_numpy()),
        **{table: (customers, _first_of_address(customers, customer, table)) for table in ADDRESSES},
        SUBSCRIPTIONS: (customers, subscribed),
        PRODUCTS: (products, np.ones(len(products), bool)),
        PLANS: (plans, np.ones(len(plans), bool)),
    }
    counts: dict[Figure, int] = {}
    for table, (cells, held) in objects.items():
        counts["Objects", table.title, PREPARED] = _number(held)
        for name in _columns_of(table, cells.columns):
            counts[table.title, name, PREPARED] = _number(_filled(cells[name]) & held)
    for segment in SEGMENTS:
        of_segment = (customers[segment.attribute] == segment.value).to_numpy()
        counts["Subscriptions by segment", segment.name, PREPARED] = _number(of_segment & subscribed)
    counts |= _by_name(customer[subscribed], customers[_PLAN_ID][subscribed], products, plans, statistics)
    return counts | _by_disposition(paths.ledger)


def disagreements(statistics: pd.DataFrame, counted: Mapping[Figure, int]) -> list[str]:
    """The figures that are not the same both ways, each as a sentence with both; nothing where all are.

    A measure of which the files hold nothing counts 0 in them; one that the statistics lack counts 0 there.
    """
    told = {
        (section, name, column): int(number)
        for column in (PREPARED, DUMP, "Merged", "Rejected", "Excluded")
        for section, name, number in zip(
            statistics["Section"], statistics["Attribute"], statistics[column], strict=True
        )
        if column == PREPARED or (section, name, column) in counted
    }
    return [
        f"{', '.join(map(str, figure))}: {told.get(figure, 0):,} by the database, {counted.get(figure, 0):,} by the files"
        for figure in dict.fromkeys([*told, *counted])
        if told.get(figure, 0) != counted.get(figure, 0)
    ]


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def _cells(
    path: Path, told: Collection[str], categories: Collection[str] = (), columns: Collection[str] = ()
) -> pd.DataFrame:
    """Of each cell of a CSV file whether it is filled; in the columns ``told`` and ``categories`` what it holds, missing where
    it is empty. Without ``columns`` all are read.

    A frame of booleans takes a byte a cell where one of texts takes fifty.
    """
    read = {name: pa.binary() for name in _header(path) if not columns or name in columns}
    read |= dict.fromkeys(read.keys() & set(told), pa.string())
    read |= dict.fromkeys(read.keys() & set(categories), pa.dictionary(pa.int32(), pa.string()))
    reader = arrow_csv.open_csv(
        path,
        arrow_csv.ReadOptions(block_size=_BLOCK),
        arrow_csv.ParseOptions(newlines_in_values=True),
        # Of what is left to be inferred, 00123 would become 123, and NA (Namibia) nothing.
        arrow_csv.ConvertOptions(
            column_types=read, include_columns=list(read), strings_can_be_null=True, null_values=[""], check_utf8=False
        ),
    )
    schema = pa.schema([(name, pa.bool_() if type_ == pa.binary() else type_) for name, type_ in read.items()])
    with reader:
        table = pa.Table.from_batches(_told(reader, schema), schema)
    return table.to_pandas(types_mapper={pa.string(): pd.ArrowDtype(pa.string())}.get, self_destruct=True)


def _told(reader: arrow_csv.CSVStreamingReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of a file, of each cell no more than the schema says."""
    for batch in reader:
        cells = [
            column.is_valid() if field.type == pa.bool_() else column
            for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.record_batch(cells, schema)


def _filled(cells: pd.Series) -> np.ndarray:
    return cells.to_numpy() if cells.dtype == bool else cells.notna().to_numpy()


def _number(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _columns_of(table: Table, columns: Collection[str]) -> list[str]:
    """A table's columns of a file, the id of its addresses with them."""
    own = ADDRESS_IDS.get(table.object)
    return [name for name in columns if name.startswith(table.prefix) or (own and name == own.name)]


def _first_of_address(customers: pd.DataFrame, customer: pd.Series, table: Table) -> np.ndarray:
    """The records that an address stands in first: one for each customer, or for each id that a customer gives it."""
    held = customers[f"{table.prefix}line1"].to_numpy()
    key = customer[held].to_frame()
    if (own := ADDRESS_IDS[table.object].name) in customers:
        key[own] = customers[own][held]
    first = held.copy()
    first[held] = ~key.duplicated()
    return first


def _by_name(
    customer: pd.Series, plan: pd.Series, products: pd.DataFrame, plans: pd.DataFrame, statistics: pd.DataFrame
) -> dict[Figure, int]:
    """Subscriptions and customers of each product and plan, by the names that the statistics give them."""
    product_names = _names(products[PRODUCTS.key], products["product.name"], statistics, "Subscriptions by product")
    names = {
        "plan": _names(plans[PLANS.key], plans["plan.nickname"], statistics, "Subscriptions by plan"),
        "product": {
            id_: product_names[product]
            for id_, product in zip(plans[PLANS.key], plans[_PRODUCT_OF_PLAN], strict=True)
            if product in product_names
        },
    }
    counts: dict[Figure, int] = {}
    for what, named in names.items():
        groups = customer.groupby(plan.map(named), observed=True)
        for section, counted in (
            (f"Subscriptions by {what}", groups.size()),
            (f"Customers by {what}", groups.nunique()),
        ):
            counts |= {(section, name, PREPARED): int(number) for name, number in counted.items()}
    return counts


def _names(ids: pd.Series, names: pd.Series, statistics: pd.DataFrame, section: str) -> dict[str, str]:
    """What the statistics call each product or plan: its name, with its id where several have it, the id where it has none."""
    known = set(statistics["Attribute"][statistics["Section"] == section])
    called = zip(ids, names.fillna(ids), strict=True)
    return {own: name if name in known else f"{name} ({own})" for own, name in called}


def _by_disposition(ledger: Path) -> dict[Figure, int]:
    """The objects delivered, merged, rejected and excluded.

    A customer, product or plan is one object however many records name it, and has the best of their dispositions; each
    record that went into another's is counted as merged beside it.
    """
    rows = _cells(ledger, {"key"}, {"object", "disposition"}, {"object", "key", "disposition"})
    rank = rows["disposition"].map({name: rank for rank, name in enumerate(_DISPOSITIONS)}).astype("int8")
    merged = _DISPOSITIONS.index("merged")
    counts: dict[Figure, int] = {}
    for table in TABLES:
        own = (rows["object"] == table.object).to_numpy()
        told = by_record = rank[own].value_counts()
        if table in (CUSTOMERS, PRODUCTS, PLANS):
            # A record that could not be read names nobody, and stands for itself.
            best, alone = rank[own].groupby(rows["key"][own]).min(), rank[own & rows["key"].isna().to_numpy()]
            told = best.value_counts().add(alone.value_counts(), fill_value=0)
        figures = {
            DUMP: told.drop(merged, errors="ignore").sum(),
            "Merged": by_record.get(merged, 0),
            "Rejected": told.get(_DISPOSITIONS.index("rejected"), 0),
            "Excluded": told.get(_DISPOSITIONS.index("excluded"), 0),
        }
        counts |= {("Objects", table.title, column): int(number) for column, number in figures.items()}
    return counts
