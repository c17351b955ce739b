"""What the catalog shows of a dry run: counts, charts, lineage, warnings; and nothing personal."""

from __future__ import annotations

import re

import pytest

from pelcro_pipeline_tests.extract import PLAN_ID, Delivery, reader

dg = pytest.importorskip("dagster")

EXTRACT = "harbour-review"
#: What the delivered readers are known by.
PERSONAL = {
    "customer.first_name": "Wilhelmina",
    "customer.last_name": "Zandstra",
    "customer.email": "wilhelmina@zandstra.example",
    "customer.phone": "+1 514 555 0142",
    "customer.password": "$2y$10$abcdefghijklmnopqrstuv",
    "customer.common_metadata.password_encryption": "bcrypt",
    "address.billing_line1": "77 Rue de la Montagne",
    "subscription.type": "Zandstra",
}


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> list:
    """The events of a dry run of two readers, one with a subscription to a plan that is not there."""
    from pelcro_pipeline.definitions import defs
    from pelcro_pipeline.defs.partitions import extracts

    home = tmp_path_factory.mktemp("home")
    Delivery([reader(1, PERSONAL), reader(2, {PLAN_ID: "NO-SUCH"}), reader(3)]).into(home / "extracts" / EXTRACT)
    with pytest.MonkeyPatch.context() as patched, dg.DagsterInstance.ephemeral() as instance:
        patched.setenv("PELCRO_HOME", str(home))
        instance.add_dynamic_partitions(extracts.name, [EXTRACT])
        result = defs.resolve_job_def("dry_run").execute_in_process(instance=instance, partition_key=EXTRACT)
        return result.all_events


@pytest.fixture(scope="module")
def shown(events) -> dict[str, dict]:
    """The metadata of each asset's materialization."""
    return {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in events
        if event.is_step_materialization
    }


@pytest.fixture(scope="module")
def checked(events) -> dict[tuple[str, str], object]:
    """Each check's evaluation, by asset and name."""
    evaluations = [
        event.asset_check_evaluation_data for event in events if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {(each.asset_key.to_user_string(), each.check_name): each for each in evaluations}


def test_no_event_tells_anything_personal(events):
    told = "\n".join(map(repr, events))
    for value in (*PERSONAL.values(), "5145550142", "Zandstra", "zandstra", "Montagne"):
        if value != "bcrypt":
            assert value not in told


def test_every_asset_shows_how_many_rows_it_has(shown):
    assert [name for name in shown if name != "request/templates" and "dagster/row_count" not in shown[name]] == []


@pytest.mark.parametrize("asset", ["analysis/findings", "analysis/ledger", "staging/migration_statistics"])
def test_reports_show_a_chart(asset, shown):
    assert re.fullmatch(r"!\[[\w' ]+\]\(data:image/png;base64,iVBOR[\w+/=]+\)", shown[asset]["chart"].value)


def test_a_preview_shows_the_form_of_personal_data_and_the_publisher_s_own_as_it_is(shown):
    customers = shown["conversion/customers"]["preview"].value
    assert "xxxxxxxxxx@xxxxxxxx.xxxxxxx" in customers
    assert "***" in customers
    assert "The Harbour Review in print" in shown["conversion/products"]["preview"].value


def test_a_column_of_the_database_is_followed_back_to_the_delivered_header(shown):
    def sources(asset: str, column: str) -> list[tuple[str, str]]:
        lineage = shown[asset]["dagster/column_lineage"].value
        return [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage.deps_by_column[column]]

    assert sources("staging/database", "addresses.address.first_name") == [
        ("prepared/customers", "address.billing_first_name"),
        ("prepared/customers", "address.shipping_first_name"),
    ]
    assert sources("prepared/customers", "address.billing_first_name") == [
        ("conversion/addresses", "address.billing_first_name"),
        ("conversion/customers", "customer.first_name"),
    ]
    assert sources("conversion/addresses", "address.billing_zip") == [
        ("raw/addresses", "address.billing_country"),
        ("raw/addresses", "address.billing_zip"),
    ]


def test_every_column_that_lineage_names_is_one_of_its_asset(shown):
    from pelcro_pipeline.definitions import defs

    graph = defs.resolve_asset_graph()
    columns = {}
    for name, metadata in shown.items():
        declared = graph.get(dg.AssetKey(name.split("/"))).metadata.get("dagster/column_schema")
        schema = metadata["dagster/column_schema"].value if "dagster/column_schema" in metadata else declared
        columns[name] = {column.name for column in schema.columns} if schema else set()
    for name, metadata in shown.items():
        if "dagster/column_lineage" in metadata:
            for column, deps in metadata["dagster/column_lineage"].value.deps_by_column.items():
                assert column in columns[name]
                assert all(dep.column_name in columns[dep.asset_key.to_user_string()] for dep in deps)


def test_bad_rows_are_warned_of_by_severity_and_stop_nothing(checked):
    rejected = checked["analysis/findings", "nothing_rejected"]
    assert not rejected.passed
    assert rejected.severity is dg.AssetCheckSeverity.WARN
    assert rejected.metadata["findings"].value == 2
    assert "SUB-PLAN" in rejected.metadata["worst attributes"].value
    assert rejected.metadata["report"].value.endswith("findings.csv")
    assert not rejected.blocking


def test_invariants_are_errors_that_block(checked):
    # Bad rows are normal, and what is to be done before going live is open at first.
    invariants = [
        each
        for (asset, name), each in checked.items()
        if not name.startswith("nothing_")
        and asset != "review/going_live"
        and name not in ("no_surprises", "explained")
    ]
    assert all(each.passed and each.blocking and each.severity is dg.AssetCheckSeverity.ERROR for each in invariants)
    assert {each.check_name for each in invariants} == {
        "conforms",
        "conservation",
        "equals_prepared_files",
        "equals_prepared",
        "agrees_with_forecast",
        "adds_up",
        "counted_twice",
    }


def test_each_step_is_held_to_its_pandera_schema(checked):
    assert {asset.split("/")[0] for asset, name in checked if name == "conforms"} == {
        "conversion",
        "analysis",
        "prepared",
        "staging",
    }


def test_what_the_plots_draw_is_a_number(shown):
    findings, ledger = shown["analysis/findings"], shown["analysis/ledger"]
    assert {name: findings[f"findings: {name}"].value for name in ("reject", "clear", "question")} == {
        "reject": 2,
        "clear": 0,
        "question": 1,
    }
    assert ledger["rejected"].value == 2
    assert ledger["prepared"].value > 10
    assert shown["staging/migration_statistics"]["accuracy of Subscriptions"].value == pytest.approx(33.33)


def test_the_statistics_columns_carry_their_types():
    from pelcro_pipeline.definitions import defs

    for group in ("staging", "production"):
        node = defs.resolve_asset_graph().get(dg.AssetKey([group, "migration_statistics"]))
        types = {column.name: column.type for column in node.metadata["dagster/column_schema"].columns}
        assert types["Attribute"] == "string"
        assert types["Production"] == types["Excel dump"] == "int"
        assert types["Accuracy"] == "float"


@pytest.mark.parametrize(
    ("job", "fields"),
    [
        ("sign_off", {"review__sign_off": {"config": {"signed_by": "", "role": "", "accept": [], "waivers": []}}}),
        ("purge", {"purge_extract": {"config": {"extract": ""}}}),
    ],
)
def test_a_job_that_asks_opens_with_its_fields_in_the_launchpad(job, fields):
    from pelcro_pipeline.definitions import defs

    partitioned = defs.resolve_job_def(job).partitioned_config
    assert partitioned.get_run_config_for_partition_key(EXTRACT) == {"ops": fields}
