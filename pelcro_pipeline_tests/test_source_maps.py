"""Maps of legacy systems as data: what one may say, what its expressions may do, and what its steps make of values."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path

import pytest

from pelcro_pipeline.engine import connection as duck
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.matching import check
from pelcro_pipeline.settings import Settings
from pelcro_pipeline.sources import expression, schema, select, source_map
from pelcro_pipeline.sources.select import Delivered
from pelcro_pipeline.sources.source_map import SourceMap

DOCS = Path(__file__).parents[1] / "docs"

#: A small magazine's own system: what a map must say, and nothing else.
MAP = """
system = "gazette"
title = "The Gazette's own system"
about = "It writes one file."
[sources.readers]
columns = ["No", "Mail", "State", "Until", "Price", "Cur"]
optional = ["Seen", "* (note)"]
[[target]]
file = "customers"
source = "readers"
[target.fields]
"customer.old_provider_id" = { from = "No" }
"customer.email" = { sql = 'lower("Mail")' }
"subscription.common_metadata.service_status" = { from = "State", map = { on = "active", late = "unpaid", off = "cancelled" } }
"subscription.current_period_end" = { from = "Until", date = "%d.%m.%Y" }
"subscription.quantity" = { const = "1" }
[[target]]
file = "plans"
source = "readers"
unique = { key = ["Price", "Cur"] }
[target.fields]
"plan.old_id" = { sql = "concat_ws(' ', \\"Price\\", \\"Cur\\")" }
"plan.amount" = { from = "Price", money = "major" }
"plan.currency" = { from = "Cur" }
"""
HEADER = ["No", "Mail", "State", "Until", "Price", "Cur"]


@pytest.fixture(scope="module")
def connection():
    with duck.connect() as opened:
        yield opened


def mapped(connection, rows: list[list[str]], text: str = MAP, settings: Settings | None = None) -> list[dict]:
    """What a map makes of rows under its header."""
    known = SourceMap.model_validate(tomllib.loads(text))
    columns = known.sources["readers"].columns
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE rows ({', '.join(f'c{at} VARCHAR' for at in range(len(columns)))})"
    )
    connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' for _ in columns)})", rows)
    relation = "SELECT row_number() OVER () - 1 AS record, * FROM rows"
    file = Delivered(0, relation, {name: f"c{at}" for at, name in enumerate(columns)})
    made = select.compiled(connection, known, "readers", {"readers": [file]}, settings or Settings())
    select.create_lookups(connection, made)
    file = file._replace(relation=f"SELECT row_number() OVER () - 1 AS record, * FROM ({made.stored(file)})")
    select.create_kept(connection, made, [file])
    if made.has_keys:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS {made.kept(file, len(rows))}")
    found = connection.sql(f"SELECT * FROM ({made.select(file)}) ORDER BY record")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def refused(text: str) -> str:
    with pytest.raises(UnusableInputError) as error:
        load(text)
    return str(error.value)


def load(text: str) -> SourceMap:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source_map.FILE_NAME
        path.write_text(text, encoding="utf-8")
        return source_map.load(path)


class TestWhatAMapMaySay:
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('from = "State"', 'from = "Staet"', "readers has no column Staet (the nearest is State)"),
            (
                '"customer.email"',
                '"customer.emial"',
                "customer.emial is no attribute of customers (the nearest is customer.email)",
            ),
            ('{ from = "No" }', '{ from = "No", const = "1" }', "give exactly one of from, const and sql"),
            ('{ const = "1" }', '{ const = "1", default = "2" }', "a const takes no step"),
            ('date = "%d.%m.%Y"', 'date = "%d.%m.%Y", tz = "America/Toronto"', "tz needs a date that is an instant"),
            ('date = "%d.%m.%Y"', 'date = "%s %z", tz = "Mars/North"', "no such time zone"),
            ('from = "Until",', 'from = "Until", money = "major",', "give date or money, not both"),
            ('from = "State",', 'from = "State", else = "active",', "is no key of a map"),
            ('money = "major"', 'money = "cents"', "Input should be 'major', 'minor' or 'hundredths'"),
            ('file = "plans"', 'file = "orders"', "give one of customers, products, plans"),
            (
                'source = "readers"\nunique',
                'source = "writers"\nunique',
                "target plans is of writers, and sources has readers",
            ),
            (
                'unique = { key = ["Price"',
                'unique = { key = ["Prize"',
                "readers has no column Prize (the nearest is Price)",
            ),
            ("[sources.readers]", "[sources.readers", "is not TOML"),
        ],
    )
    def test_what_no_map_can_say_is_refused_in_a_sentence(self, old, new, said):
        assert old in MAP
        assert said in refused(MAP.replace(old, new, 1))

    @pytest.mark.parametrize(
        ("pattern", "name", "called"),
        [
            ("readers*.csv", "readers_2026.csv", True),
            ("readers*.csv", "readers_2026.xlsx", True),
            ("readers*.csv", "2-readers_2026.XLSX", True),
            ("readers*.csv", "2-readers_2026.csv", False),
            ("readers*.csv", "rates.xlsx", False),
            ("readers*", "readers.xlsx", True),
            ("*.[cC][sS][vV]", "SUB-20261015.01.008.xlsx", True),
            ("readers.json", "readers.xlsx", True),
        ],
    )
    def test_an_export_that_was_saved_as_a_workbook_goes_by_its_name(self, pattern, name, called):
        known = load(MAP.replace("[sources.readers]", f'[sources.readers]\nfile = "{pattern}"', 1))
        assert known.sources["readers"].is_called(name) is called

    def test_every_shipped_map_can_be_read_and_is_called_by_its_file(self):
        maps = {name: source_map.load(path) for name, path in source_map.shipped().items()}
        assert maps
        assert {name: each.system for name, each in maps.items()} == {name: name for name in maps}

    def test_the_published_schema_is_the_model_s(self):
        assert json.loads((DOCS / "source-map.schema.json").read_text(encoding="utf-8")) == schema.schema(), (
            schema.COMMAND
        )

    def test_a_system_without_a_map_is_refused_with_those_that_have_one(self, tmp_path):
        with pytest.raises(UnusableInputError, match=r"no map of the source Wombat is shipped \(there are .*piano"):
            source_map.of(tmp_path, "Wombat")

    def test_a_map_beside_the_extract_wins(self, tmp_path):
        (tmp_path / source_map.FILE_NAME).write_text(MAP, encoding="utf-8")
        assert source_map.of(tmp_path, "piano").system == "gazette"


class TestCheckedBeforeAnyExportIsThere:
    def said(self, tmp_path, connection, text: str) -> list[str]:
        path = tmp_path / source_map.FILE_NAME
        path.write_text(text, encoding="utf-8")
        return check.checked(path, connection)[1]

    def test_what_objects_cannot_stand_without_is_named(self, tmp_path, connection):
        said = self.said(tmp_path, connection, MAP)
        assert "No field gives plan.interval, and without it every plan is rejected." in said
        assert "No field gives subscription.collection_method, and without it every subscription is rejected." in said

    def test_a_column_that_nothing_is_made_of_is_named(self, tmp_path, connection):
        said = self.said(tmp_path, connection, MAP.replace('"Cur"]\noptional', '"Cur", "Notes"]\noptional'))
        assert (
            "readers: every export must have the column Notes, and nothing is made of it: it could be optional." in said
        )

    def test_a_mistyped_key_is_told_with_its_line(self, tmp_path, connection):
        text = MAP.replace("date =", "dat =")
        line = next(number for number, each in enumerate(text.splitlines(), 1) if "dat =" in each)
        with pytest.raises(UnusableInputError, match=f"^source.toml: line {line}, dat: is no key of a map"):
            self.said(tmp_path, connection, text)

    def test_an_expression_that_may_not_be_run_is_told(self, tmp_path, connection):
        text = MAP.replace('lower("Mail")', 'getenv("Mail")')
        with pytest.raises(UnusableInputError, match=r"^gazette, customer\.email: sql calls getenv"):
            self.said(tmp_path, connection, text)

    @pytest.mark.parametrize("system", source_map.shipped())
    def test_a_shipped_map_gives_all_that_objects_cannot_stand_without(self, system, connection):
        _, said = check.checked(source_map.shipped()[system], connection)
        assert [each for each in said if each.startswith("No field")] == []


class TestHeaders:
    def test_an_export_is_known_by_its_columns_and_may_have_the_optional_ones(self):
        assert load(MAP).source_of("export.csv", [*HEADER, "Seen", "Met at the fair (note)"]) == "readers"

    def test_a_file_of_other_columns_is_none_of_the_map_s(self):
        assert load(MAP).source_of("plans.csv", ["plan.old_id", "plan.amount"]) is None

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            (["No", "Mail", "Status", "Until", "Price", "Cur"], "it lacks State (the nearest is Status)"),
            ([*HEADER, "Seem"], "Seem is unknown (the nearest is Seen)"),
        ],
    )
    def test_a_header_that_has_drifted_is_refused_with_the_nearest(self, header, said):
        with pytest.raises(UnusableInputError) as error:
            load(MAP).source_of("export.csv", header)
        assert said in str(error.value)


HOSTILE = [
    "(SELECT 1)",
    "(FROM read_text('/etc/passwd'))",
    "read_text('/etc/passwd')",
    "system.main.read_text('/etc/passwd')",
    "a\" FROM read_csv('/etc/passwd') --",
    "a) FROM read_text('/etc/passwd') --",
    "getenv('HOME')",
    "current_setting('home_directory')",
    "getvariable('x')",
    "query('SELECT 1')",
    "a; COPY (SELECT 1) TO '/tmp/x'",
    "a; SELECT 2",
    "a WHERE true",
    "a LIMIT 1",
    "a ORDER BY 1",
    "a, b",
    "a AS b",
    "*",
    "COLUMNS(*)",
    "sum(a)",
    "count(*)",
    "lower(DISTINCT a)",
    "first(a)",
    "row_number() OVER ()",
    "unnest([a])",
    "a IN (SELECT 1)",
    "EXISTS (SELECT 1)",
    "a = ANY(['b'])",
    "list_transform([a], lambda x: x)",
    "a -> 'b'",
    "$1",
    "c",
    "delivered.a",
    "other.a",
    "CAST(a AS INTEGER)",
    "TRY_CAST(a AS main.secret)",
    "TRY(CAST(a AS INTEGER))",
    "repeat(a, 1000000000)",
    "lpad(a, 1000000000, ' ')",
    "random()",
    "nextval('s')",
    "now()",
    "a COLLATE nocase",
    "",
    "WITH x AS (SELECT 1) SELECT 1",
    "lower(a, b)",
]


class TestExpressions:
    @pytest.mark.parametrize("sql", HOSTILE)
    def test_what_is_no_scalar_of_the_columns_is_refused(self, connection, sql):
        with pytest.raises(UnusableInputError, match=r"^gazette, customer\.email: "):
            expression.vetted(connection, sql, ("a", "b"), "gazette, customer.email")

    @pytest.mark.parametrize(
        ("sql", "value"),
        [
            ("a || ' ' || b", "Kei Sato"),
            ("concat_ws(' ', a, nullif(b, 'Sato'))", "Kei"),
            ("coalesce(nullif(a, 'Kei'), b)", "Sato"),
            ("CASE a WHEN 'Kei' THEN '1' ELSE '0' END", "1"),
            ("CASE WHEN a LIKE 'K%' AND b IS NOT NULL THEN 'x' END", "x"),
            ("regexp_extract(b, '^(.)', 1)", "S"),
            ("split_part(a, 'e', 1)", "K"),
            ("strftime(try_strptime('2024-02-28', '%Y-%m-%d') + INTERVAL 1 DAY, '%Y-%m-%d')", "2024-02-29"),
            ("upper(a) -- a comment is none of what is run", "KEI"),
            ("TRY_CAST(a AS INTEGER)", None),
        ],
    )
    def test_what_is_total_is_run(self, connection, sql, value):
        run, _ = expression.vetted(connection, sql, ("a", "b"), "gazette")
        ((found,),) = connection.execute(f"SELECT {run} FROM (SELECT 'Kei' AS a, 'Sato' AS b) AS delivered").fetchall()
        assert found == value

    def test_the_columns_that_it_names_are_told(self, connection):
        run, columns = expression.vetted(connection, 'lower("E-mail (work)")', ("E-mail (work)", "b"), "gazette")
        assert (run, columns) == ('lower(delivered."E-mail (work)")', ("E-mail (work)",))


class TestSteps:
    def test_a_record_becomes_the_attributes_of_its_templates(self, connection):
        (row,) = mapped(connection, [["7", "Ana@Post.example", "late", "30.11.2026", "19.90", "EUR"]])
        assert {name: value for name, value in row.items() if "." in name} == {
            "customer.old_provider_id": "7",
            "customer.email": "ana@post.example",
            "subscription.common_metadata.service_status": "unpaid",
            "subscription.current_period_end": "2026-11-30",
            "subscription.quantity": "1",
            "plan.old_id": "19.90 EUR",
            "plan.amount": "1990",
            "plan.currency": "EUR",
        }
        assert row["failures"] == 0

    def test_of_each_plan_the_first_record_stands_for_it(self, connection):
        rows = [[str(number), "", "on", "30.11.2026", price, "EUR"] for number, price in enumerate(["5", "7", "5"])]
        assert [row["plan.old_id"] for row in mapped(connection, rows)] == ["5 EUR", "7 EUR", None]

    def test_the_key_can_be_what_is_made(self, connection):
        text = MAP.replace('unique = { key = ["Price", "Cur"] }', 'unique = { key = ["plan.currency"] }')
        rows = [[str(number), "", "on", "30.11.2026", price, "EUR"] for number, price in enumerate(["5", "7"])]
        assert [row["plan.old_id"] for row in mapped(connection, rows, text)] == ["5 EUR", None]

    def test_a_constant_makes_no_object(self, connection):
        (row,) = mapped(connection, [["7", "ana@post.example", "", "", "5", "EUR"]])
        assert row["subscription.quantity"] is None

    @pytest.mark.parametrize(
        ("cells", "failed"),
        [
            ({"State": "paused"}, {"subscription.common_metadata.service_status map": "paused"}),
            ({"State": "On"}, {"subscription.common_metadata.service_status map": "On"}),
            ({"Until": "30.02.2026"}, {"subscription.current_period_end date": "30.02.2026"}),
            ({"Until": "2026-11-30"}, {"subscription.current_period_end date": "2026-11-30"}),
            ({"Price": "19.905"}, {"plan.amount money": "19.905"}),
            ({"Price": "1,990"}, {"plan.amount money": "1,990"}),
            ({"Price": "-5"}, {"plan.amount money": "-5"}),
            ({"Price": "19.5", "Cur": "JPY"}, {"plan.amount money": "19.5"}),
            ({"State": "", "Until": "NULL", "Price": " "}, {}),
        ],
    )
    def test_a_value_that_a_step_cannot_handle_is_told_and_left_out(self, connection, cells, failed):
        good = {"No": "7", "Mail": "", "State": "on", "Until": "30.11.2026", "Price": "5", "Cur": "EUR"}
        (row,) = mapped(connection, [list((good | cells).values())])
        told = {
            name: value
            for name, value in (row["failed"] or {}).items()
            if row[name.rpartition(" ")[0]] is None and value
        }
        assert (told if row["failures"] else {}) == failed

    @pytest.mark.parametrize(
        ("unit", "price", "currency", "cents"),
        [
            ("major", "19.9", "usd", "1990"),
            ("major", "500", "jpy", "500"),
            ("major", "1.234", "tnd", "1234"),
            ("major", "99.0000", "usd", "9900"),
            ("minor", "1990", "usd", "1990"),
            ("hundredths", "10000", "jpy", "100"),
            ("hundredths", "799", "usd", "799"),
            ("hundredths", "799", "jpy", None),
            ("hundredths", "799", "tnd", "7990"),
        ],
    )
    def test_money_is_whole_in_the_smallest_unit_of_its_currency(self, connection, unit, price, currency, cents):
        text = MAP.replace('money = "major"', f'money = "{unit}"')
        (row,) = mapped(connection, [["7", "", "on", "30.11.2026", price, currency]], text)
        assert row["plan.amount"] == cents

    @pytest.mark.parametrize(
        ("made", "value", "day"),
        [
            ('date = "epoch", tz = "America/New_York"', "1718323200", "2024-06-13"),
            ('date = "epoch", tz = "UTC"', "1718323200", "2024-06-14"),
            ('date = "epoch_ms", tz = "UTC"', "1718323200000", "2024-06-14"),
            ('date = "%Y/%m/%d %H:%M:%S %z", tz = "America/Los_Angeles"', "2023/11/14 23:42:07 -0800", "2023-11-14"),
            ('date = "%Y-%m-%dT%H:%M:%S%z", tz = "Asia/Tokyo"', "2023-11-14T23:42:07Z", "2023-11-15"),
            ('date = ["%Y-%m-%d", "%d/%m/%Y"]', "07/08/2022", "2022-08-07"),
            ('date = "epoch"', "0.5", None),
        ],
    )
    def test_an_instant_has_its_day_where_the_map_says(self, connection, made, value, day):
        text = MAP.replace('date = "%d.%m.%Y"', made)
        (row,) = mapped(connection, [["7", "", "on", value, "5", "EUR"]], text)
        assert row["subscription.current_period_end"] == day

    def test_without_a_zone_of_its_own_it_has_the_day_of_the_extract_s(self, connection):
        text = MAP.replace('date = "%d.%m.%Y"', 'date = "epoch"')
        settings = Settings(timezone="America/New_York")
        (row,) = mapped(connection, [["7", "", "on", "1718323200", "5", "EUR"]], text, settings)
        assert row["subscription.current_period_end"] == "2024-06-13"

    def test_a_format_that_is_none_is_refused(self, connection):
        with pytest.raises(UnusableInputError, match="%Q is no format of dates"):
            mapped(connection, [["7", "", "on", "1", "5", "EUR"]], MAP.replace("%d.%m.%Y", "%Q"))


FEED = (
    MAP.replace('file = "customers"\nsource = "readers"', 'file = "customers"\nsource = "readers"\n'
    'unique = { key = ["No"], keep_last_by = "Until", date = "%Y-%m-%d %H:%M %z" }\n'
    'drop = [{ column = "State", in = ["gone"], reason = "gone for good" }]')
    .replace('from = "Until", date = "%d.%m.%Y"', 'from = "No", lookup = { in = "readers", key = "No", value = "Until" }, date = "%Y-%m-%d %H:%M %z", tz = "UTC"')
)  # fmt: skip


class TestEventFeeds:
    def test_the_last_event_stands_by_the_time_that_is_meant_and_the_first_says_since_when(self, connection):
        rows = [
            ["7", "", "late", "2026-03-01 01:00 +0200", "5", "EUR"],
            ["7", "", "on", "2026-03-01 00:30 +0000", "5", "EUR"],
            ["7", "", "off", "2026-01-15 00:00 +0000", "5", "EUR"],
        ]
        standing = [row for row in mapped(connection, rows, FEED) if row["customer.old_provider_id"]]
        assert [row["record"] for row in standing] == [1]
        assert standing[0]["subscription.common_metadata.service_status"] == "active"
        assert standing[0]["subscription.current_period_end"] == "2026-01-15"

    def test_what_is_dropped_by_its_last_event_does_not_come_back_by_an_earlier_one(self, connection):
        rows = [
            ["7", "", "on", "2026-01-15 00:00 +0000", "5", "EUR"],
            ["7", "", "gone", "2026-03-01 00:00 +0000", "5", "EUR"],
        ]
        assert [row for row in mapped(connection, rows, FEED) if row["customer.old_provider_id"]] == []


class TestLookups:
    #: What the readers' own file says of a price, beside a far longer list of prices in another order.
    TEXT = MAP.replace("[[target]]", '[sources.prices]\ncolumns = ["Key", "Name"]\n[[target]]', 1).replace(
        '"plan.currency" = { from = "Cur" }',
        '"plan.currency" = { from = "Cur" }\n'
        '"plan.nickname" = { from = "No", lookup = { in = "prices", key = "Key", value = "Name" } }',
    )

    def test_records_keep_their_order_beside_an_export_that_is_longer(self, connection):
        known = SourceMap.model_validate(tomllib.loads(self.TEXT))
        readers, prices = 3000, 30_000
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE readers AS
            SELECT range::VARCHAR AS c0, {", ".join(f"'' AS c{at}" for at in range(1, 6))} FROM range({readers});
            CREATE OR REPLACE TEMP TABLE prices AS SELECT ({prices} - range)::VARCHAR AS c0, 'Plan ' || c0 AS c1 FROM range({prices})"""
        )
        files = {
            name: [
                Delivered(
                    0,
                    f"SELECT row_number() OVER () - 1 AS record, * FROM {name}",
                    {column: f"c{at}" for at, column in enumerate(known.sources[name].columns)},
                )
            ]
            for name in ("readers", "prices")
        }
        made = select.compiled(connection, known, "readers", files, Settings())
        select.create_lookups(connection, made)
        with duck.probing_in_order(connection):
            stored = connection.execute(made.stored(files["readers"][0])).fetchall()
        assert [int(record[0]) for record in stored] == [*range(readers)]
        assert stored[7][-1] == {"v0": "Plan 7"}
        assert stored[0][-1] is None
