"""The things people say: a dry run, a sign-off, production."""

import dagster as dg

dry_run = dg.define_asset_job(
    "dry_run",
    # The templates are asked for too: the UI warns of a dry run whose first step has never been made.
    selection=dg.AssetSelection.groups("request", "raw", "conversion", "analysis", "prepared", "staging"),
    description="From the delivered folder to the staging database and its statistics.",
)
sign_off = dg.define_asset_job(
    "sign_off",
    selection=dg.AssetSelection.assets(["review", "sign_off"]),
    # What has to be filled in stands in the launchpad already.
    config={"ops": {"review__sign_off": {"config": {"signed_by": "", "role": "", "accept": []}}}},
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
