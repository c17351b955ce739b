"""The form of what judgement reports, as pandera schemas."""

import pandas as pd
import pandera.pandas as pandera

from pelcro_pipeline.rules import catalogue
from pelcro_pipeline.rules.ledger import DISPOSITIONS
from pelcro_pipeline.spec import BY_OBJECT
from pelcro_pipeline.spec.model import Severity


def _rule_where_it_stays_behind(ledger: pd.DataFrame) -> pd.Series:
    return ledger["rule"].notna() == ledger["disposition"].isin(["rejected", "excluded"])


FINDINGS = pandera.DataFrameSchema(
    {
        "line": pandera.Column("Int64", pandera.Check.ge(1), nullable=True, coerce=True),
        "object": pandera.Column("object", pandera.Check.isin(BY_OBJECT), nullable=True),
        "rule": pandera.Column("object", pandera.Check.isin(catalogue.ORDER)),
        "severity": pandera.Column("object", pandera.Check.isin(set(Severity) - {Severity.EXCLUDED})),
        "message": pandera.Column("object"),
        "fix": pandera.Column("object"),
    },
    name="findings",
)
LEDGER = pandera.DataFrameSchema(
    {
        "file": pandera.Column("object"),
        "line": pandera.Column("Int64", pandera.Check.ge(1), coerce=True),
        "object": pandera.Column("object", pandera.Check.isin([*BY_OBJECT, ""])),
        "disposition": pandera.Column("object", pandera.Check.isin(DISPOSITIONS)),
        "rule": pandera.Column("object", pandera.Check.isin(catalogue.ORDER), nullable=True),
    },
    checks=pandera.Check(_rule_where_it_stays_behind, name="a rule where it is rejected or excluded"),
    name="ledger",
)
