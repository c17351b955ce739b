"""A relation between records, as a query whose rows are what breaks it."""

from __future__ import annotations

from dataclasses import dataclass

from pelcro_pipeline.spec.model import Severity


@dataclass(frozen=True)
class Query:
    """One way of breaking a rule that more than one record tells.

    ``sql`` reads the views of ``conversion.tables`` and the tables that ``judgement`` has made by
    then. Its rows name the ``record``, and may name ``object``, ``attribute``, ``severity``, the
    delivered ``value``, the ``result`` that stands instead, and the ``related`` record; what it does
    not name is taken from here.
    """

    rule: str
    sql: str
    object: str | None = None
    attribute: str | None = None
    severity: Severity | None = None
