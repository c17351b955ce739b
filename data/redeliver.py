"""The bundled publisher's first delivery as two other systems would export it.

    python data/redeliver.py data/extracts/harbour-review-2026-10-01 FIVE_FILES_FOLDER WORKBOOK_FOLDER

Five files, semicolons and Windows-1252, as a European spreadsheet saves them; and one workbook, with
numbers as numbers and dates as dates. The same records in the same order, so the same must come of them.
"""

import argparse
import csv
import datetime
import re
import shutil
from pathlib import Path

import xlsxwriter

ID = "customer.old_provider_id"
NUMBERS = re.compile(
    r"plan\.(amount|interval|interval_count|shipments_per_interval)|subscription\.(quantity|shipments_remaining)"
)
DATES = re.compile(r"subscription\.(current_period_end|start_date|shipments_suspended_until)")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def columns(records: list[dict[str, str]], prefix: str) -> list[str]:
    return [column for column in records[0] if column.startswith(prefix)]


def distinct(records: list[dict[str, str]], names: list[str]) -> list[dict[str, str]]:
    """The records cut to some columns, each content once, where any but the id is filled."""
    cut = {tuple(record[name] for name in names): None for record in records}
    return [
        dict(zip(names, cells, strict=True))
        for cells in cut
        if any(cell for name, cell in zip(names, cells, strict=True) if name != ID)
    ]


def five_files(first: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    records = rows(first / "customers.csv")
    subscribed = [
        record for record in records if record["subscription.collection_method"] or record["subscription.type"]
    ]
    files = {
        "customers": distinct(records, columns(records, "customer.")),
        "addresses": distinct(records, [ID, *columns(records, "address.")]),
        "subscriptions": [
            {name: record[name] for name in [ID, *columns(records, "subscription.")]} for record in subscribed
        ],
        "products": rows(first / "products.csv"),
        "plans": rows(first / "plans.csv"),
    }
    for name, cut in files.items():
        with (folder / f"{name}.csv").open("w", encoding="cp1252", newline="") as out:
            writer = csv.DictWriter(out, list(cut[0]), delimiter=";", lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(cut)
    shutil.copy(first / "extract.toml", folder)


def workbook(first: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # A fixed date of making, so that the same delivery makes the same bytes.
    with xlsxwriter.Workbook(str(folder / "harbour-review.xlsx"), {"strings_to_urls": False}) as book:
        book.set_properties({"created": datetime.datetime(2026, 10, 15)})
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for name in ("customers", "products", "plans"):
            sheet = book.add_worksheet(name.capitalize())
            records = rows(first / f"{name}.csv")
            sheet.write_row(0, 0, list(records[0]))
            for number, record in enumerate(records, start=1):
                for place, (column, cell) in enumerate(record.items()):
                    if NUMBERS.fullmatch(column) and re.fullmatch(r"\d+(\.\d+)?", cell):
                        sheet.write_number(number, place, float(cell))
                    elif DATES.fullmatch(column) and (date := parsed(cell)):
                        sheet.write_datetime(number, place, date, day)
                    elif cell:
                        sheet.write_string(number, place, cell)
    shutil.copy(first / "extract.toml", folder)


def parsed(cell: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(cell, "%d/%m/%Y")
    except ValueError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("first", "five", "book"):
        parser.add_argument(name, type=Path)
    wanted = parser.parse_args()
    five_files(wanted.first, wanted.five)
    workbook(wanted.first, wanted.book)


if __name__ == "__main__":
    main()
