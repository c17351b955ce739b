"""Step 8a: what the migration day will charge, and whom, told before anything is loaded."""

import dagster as dg

from pelcro_pipeline import steps
from pelcro_pipeline.defs import edges
from pelcro_pipeline.defs.checks import check
from pelcro_pipeline.defs.presentation import asset_spec, markdown, picture
from pelcro_pipeline.defs.resources import Extracts, as_failure
from pelcro_pipeline.migration_day import conservation, seam
from pelcro_pipeline.migration_day.forecast import Forecast
from pelcro_pipeline.migration_day.forecast_report import priced
from pelcro_pipeline.review import charts

_FORECAST = dg.AssetKey(["migration_day", "forecast"])
_SEAM = dg.AssetKey(["migration_day", "seam"])
_DEPS = edges.MANIFEST + edges.CONVERSION + edges.LEDGER


@dg.multi_asset(
    specs=[
        asset_spec(
            "migration_day",
            "forecast",
            "What happens on the migration day and on each of the 90 days after it, for each subscription and in total for each "
            "currency: renewals, ends, invoices and charges, by both readings of when an unpaid invoice is due, and what would "
            "surprise a publisher. The guide: *On the day of migration, a charge equal to the plan price associated with the "
            "subscription will be attempted on the user account.*",
            deps=_DEPS,
            kinds={"duckdb", "csv", "excel"},
        ),
        asset_spec(
            "migration_day",
            "seam",
            "The next charge that the old system would have made, as far as the export tells it, beside the next one that Pelcro "
            "makes: the same, earlier, later, missing, double or of another amount, and what explains it. The guide: *online "
            "payment freeze period, where the customer will be requested to freeze any online payment.*",
            deps=_DEPS,
            kinds={"duckdb", "csv"},
        ),
    ],
    check_specs=[
        check(
            _FORECAST,
            "conservation",
            "Received = prepared + merged + rejected + excluded in money, copies and shipments, for each plan and currency.",
            blocking=True,
        ),
        check(
            _FORECAST,
            "no_surprises",
            "Nothing happens on the day, or soon after it, that a publisher would not expect.",
        ),
        check(
            _SEAM,
            "explained",
            "Each next charge is the old system's, or a rule says why not; what is open waits for a sign-off.",
        ),
    ],
    name="migration_day",
)
def migration_day(extract: Extracts):
    paths = extract.paths
    with as_failure(), steps.opened(paths) as opened:
        told = steps.forecast(opened)
        connection = opened.connection
        broken = conservation.broken(connection)
        conserved = conservation.totals(connection)
        classes = seam.summary(connection)
    yield dg.MaterializeResult(
        asset_key=_FORECAST,
        metadata={
            "dagster/row_count": int(told.totals["invoices"].sum()),
            **forecast_metadata(told),
            "report": dg.MetadataValue.path(paths.forecast_page),
            "days": dg.MetadataValue.path(paths.forecast),
            "subscriptions": dg.MetadataValue.path(paths.forecast_subscriptions),
            "surprises of": dg.MetadataValue.path(paths.surprises),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=_FORECAST,
        check_name="conservation",
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(broken) or None,
        metadata={"broken": "\n".join(broken) or "nothing", "totals": markdown(conserved)},
    )
    surprising = int(told.surprises["subscriptions"].sum()) if len(told.surprises) else 0
    yield dg.AssetCheckResult(
        asset_key=_FORECAST,
        check_name="no_surprises",
        passed=not surprising,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"surprises": surprising, "by kind": markdown(priced(told.surprises), "none")},
    )
    unexplained = classes[(classes["class"] != "same") & (classes["explained_by"] == "")]
    yield dg.MaterializeResult(
        asset_key=_SEAM,
        metadata={
            "dagster/row_count": int(classes["subscriptions"].sum()),
            "differing": int(classes.loc[classes["class"] != "same", "subscriptions"].sum()),
            "classes": markdown(classes),
            "report": dg.MetadataValue.path(paths.seam),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=_SEAM,
        check_name="explained",
        passed=unexplained.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unexplained": int(unexplained["subscriptions"].sum()), "classes": markdown(unexplained, "none")},
    )


def forecast_metadata(told: Forecast) -> dict[str, object]:
    """What the catalog shows of a forecast: counts, totals for each currency, both readings, and the days as a picture."""
    return {
        "migration day": str(told.terms.day),
        "invoices on the day": int(told.first_day["invoices"].sum()),
        "charges on the day": int(told.first_day["charges"].sum()),
        "the day": markdown(priced(told.first_day.drop(columns="date")), "Nothing happens on the day."),
        "with the 90 days after": markdown(priced(told.totals), "Nothing happens."),
        "by both readings": markdown(priced(told.readings), "No subscription is unpaid."),
        "cases": markdown(priced(told.states), "There is no subscription."),
        "cards": markdown(told.cards, "No subscription renews by card."),
        "calendar": picture(charts.forecast(told.days), "Invoices of each week"),
    }
