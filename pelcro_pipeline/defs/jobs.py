"""The things people say: a dry run, a sign-off, production."""

import dagster as dg

_ANNOTATED = dg.AssetSelection.assets(["analysis", "annotated_files"])

dry_run = dg.define_asset_job(
    "dry_run",
    # The templates are asked for too: the UI warns of a dry run whose first step has never been made.
    selection=dg.AssetSelection.groups(
        "request", "raw", "conversion", "analysis", "prepared", "migration_day", "staging"
    )
    - _ANNOTATED
    | dg.AssetSelection.assets(["review", "sample"], ["review", "going_live"], ["review", "site_plan"]),
    description="From the delivered folder to the staging database, its statistics and the sample to review.",
)
forecast = dg.define_asset_job(
    "forecast",
    selection=dg.AssetSelection.groups("migration_day"),
    description="What the migration day will bill, told again: the card map has come, or another one.",
)
annotate = dg.define_asset_job(
    "annotate",
    selection=_ANNOTATED,
    description="Each delivered file as a workbook, every finding on its cell: to be corrected and handed back.",
)
sign_off = dg.define_asset_job(
    "sign_off",
    # What else is of its group is made for itself.
    selection=dg.AssetSelection.assets(["review", "sign_off"]),
    # What has to be filled in stands in the launchpad already.
    config={"ops": {"review__sign_off": {"config": {"signed_by": "", "role": "", "accept": [], "waivers": []}}}},
    description="A named person signs what the dry run left; production is loaded from exactly that.",
)
share = dg.define_asset_job(
    "share",
    selection=dg.AssetSelection.assets(["review", "shareable_bundle"]),
    description="The reports without personal data, in one file to be given away.",
)
production = dg.define_asset_job(
    "production",
    selection=dg.AssetSelection.groups("production"),
    description="Load what was signed, and count it. Started by a person only; refused without a sign-off that holds.",
)
