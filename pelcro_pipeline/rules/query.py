"""A relation between records, as a query whose rows are what breaks it."""

from __future__ import annotations

from dataclasses import dataclass

from pelcro_pipeline.spec.model import Severity


@dataclass(frozen=True)
class Query:
    """One way of breaking a rule that more than one record tells.

    ``sql`` reads the views of ``conversion.tables`` (one for each object) and what ``judgement`` has made
    by then. For every query: ``customer_in_use``, ``filling`` and ``repeated_value`` (of customers with
    several records), ``subscriber``, ``not_boolean``, ``judged_subscription`` (none that is excluded),
    ``repeat (object, record, key, first_record, equal)``, ``same_subscription``, ``first_plan``. For
    relations also ``first_product``, ``standing_<object>`` (what the field rules left) and
    ``unfallen_subscription`` (what the relations before it left).

    Its rows name the ``record``, and may name ``object``, ``attribute``, ``severity``, the delivered
    ``value``, the ``result`` that stands instead, the ``related`` record, and the ``owner`` whose value
    it is where that is another record; what they do not name is taken from here.
    """

    rule: str
    sql: str
    object: str | None = None
    attribute: str | None = None
    severity: Severity | None = None
    #: One finding for a record, whatever of its objects break it.
    once_a_record: bool = False
