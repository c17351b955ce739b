"""The spec as pandera schemas: the form that leaves a step, all text.

``converted`` states what leaves a record's own conversion, once rejected rows are left out and
cleared values are empty; ``prepared`` what is written into the template files.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import cache, partial

import pandas as pd
import pandera.pandas as pandera

from pelcro_pipeline.spec.model import (
    Attribute,
    CalendarDate,
    Condition,
    Domain,
    OneOf,
    Outcome,
    Pattern,
    PatternBy,
    Severity,
    Table,
    Violation,
)


@cache
def converted(table: Table) -> pandera.DataFrameSchema:
    """The form of a table's standing rows after conversion."""
    return _schema(table, {attribute.name for attribute in table.attributes if attribute.required_within_record})


@cache
def prepared(table: Table) -> pandera.DataFrameSchema:
    """The form of a table's prepared rows."""
    return _schema(table, {attribute.name for attribute in table.attributes if attribute.mandatory})


def _schema(table: Table, filled: set[str]) -> pandera.DataFrameSchema:
    return pandera.DataFrameSchema(
        columns={
            attribute.name: pandera.Column(
                "object",
                checks=_checks(attribute),
                nullable=attribute.name not in filled,
                description=attribute.doc,
            )
            for attribute in table.attributes
        },
        checks=[check for attribute in table.attributes for check in _sibling_checks(attribute, table)],
        name=table.name,
        description=table.doc,
        strict="filter",
    )


def _checks(attribute: Attribute) -> list[pandera.Check]:
    match attribute.kind.domain:
        case Pattern(regex, max_length, also, _, unlike):
            checks = [
                pandera.Check(partial(_matches, each), name=attribute.kind.name) for each in (regex, also) if each
            ]
            if unlike is not None:
                checks.append(pandera.Check(partial(_differs, unlike), name=attribute.kind.name))
            if max_length is not None:
                checks.append(pandera.Check.str_length(max_value=max_length))
            return checks
        case OneOf(choices):
            return [pandera.Check.isin(choices)]
        case CalendarDate():
            return [pandera.Check(_is_date, name=attribute.kind.name)]
    return []


def _sibling_checks(attribute: Attribute, table: Table) -> list[pandera.Check]:
    checks = []
    domain: Domain | None = attribute.kind.domain
    if isinstance(domain, PatternBy) and (enforced := _enforced(attribute, table, domain)):
        checks.append(pandera.Check(partial(_matches_by, attribute.name, enforced), name=attribute.kind.name))
    checks += [
        pandera.Check(
            partial(_filled_if, attribute.name, violation.when), name=f"{attribute.name} required", ignore_na=False
        )
        for violation in attribute.violations
        if violation.when is not None and _requires(violation)
    ]
    return checks


def _enforced(attribute: Attribute, table: Table, domain: PatternBy) -> PatternBy | None:
    """The part of the domain outside which no value ever stands: its own violation, or a sibling's, takes it away; a question
    does not."""
    if any(attribute.name in violation.clears for _, violation in table.violations):
        return domain
    taking = [
        violation
        for violation in attribute.violations
        if violation.outcome is Outcome.INVALID and violation.severity in (Severity.REJECT, Severity.CLEAR)
    ]
    concerned = {sibling for violation in taking for sibling in _siblings(violation, domain)}
    patterns = tuple((sibling, regex) for sibling, regex in domain.patterns if sibling in concerned)
    return replace(domain, patterns=patterns) if patterns else None


def _siblings(violation: Violation, domain: PatternBy) -> set[str]:
    """The values of the sibling that a violation is asked for."""
    known = {sibling for sibling, _ in domain.patterns}
    if violation.when is None:
        return known
    assert violation.when.sibling == domain.sibling
    return known - set(violation.when.values) if violation.when.negated else known & set(violation.when.values)


def _requires(violation: Violation) -> bool:
    return violation.outcome is Outcome.EMPTY and violation.severity is Severity.REJECT


def _matches(regex: str, values: pd.Series) -> pd.Series:
    return values.str.fullmatch(regex)


def _differs(regex: str, values: pd.Series) -> pd.Series:
    return ~values.str.fullmatch(regex)


def _is_date(values: pd.Series) -> pd.Series:
    return values.map(_on_calendar).astype(bool)


def _on_calendar(text: str) -> bool:
    # pandas' timestamps end in 2262; publishers write 9999-12-31 for "never".
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _matches_by(name: str, domain: PatternBy, frame: pd.DataFrame) -> pd.Series:
    values = frame[name]
    judged = values.str.translate({ord(each): None for each in domain.ignoring}) if len(values) else values
    accepted = pd.Series(True, index=frame.index)
    for sibling, regex in domain.patterns:
        concerned = (frame[domain.sibling] == sibling) & values.notna()
        if concerned.any():
            accepted[concerned] = judged[concerned].str.fullmatch(regex).to_numpy(dtype=bool)
    return accepted


def _filled_if(name: str, condition: Condition, frame: pd.DataFrame) -> pd.Series:
    sibling = frame[condition.sibling]
    holds = sibling.isin(condition.values) if condition.values else sibling.isna()
    return ~(holds ^ condition.negated) | frame[name].notna()
