"""What a customer can be in, that a review has to see: scenarios, the extremes of money, the rules that changed a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.review.statistics import SEGMENTS
from pelcro_pipeline.spec import ADDRESSES, CUSTOMER_ID, CUSTOMERS, PLANS, SUBSCRIPTIONS
from pelcro_pipeline.spec.codes import minor_digits
from pelcro_pipeline.spec.model import Severity
from pelcro_pipeline.spec.sql import literal, quoted

_PLAN_ID = "subscription.common_metadata.temporary_plan_id"
_IMPORT_ONLY = quoted("customer.common_metadata.import_only_the_customer")
#: The rows that conditions are over; all but the last are the staging database's.
_ROWS = {
    "customers": f"(SELECT {quoted(CUSTOMER_ID)} AS customer, * FROM staging.customers)",
    "addresses": f"(SELECT {quoted(CUSTOMER_ID)} AS customer, * FROM staging.addresses)",
    "subscriptions": f"""(SELECT {quoted(CUSTOMER_ID)} AS customer, *
        FROM staging.subscriptions JOIN staging.plans ON {quoted(_PLAN_ID)} = {quoted(PLANS.key)})""",
    "changes": "changed",
}
#: Of the objects that a customer's review shows.
_REVIEWED = (CUSTOMERS, *ADDRESSES, SUBSCRIPTIONS)
#: Bits of a word of DuckDB's that a scenario can be told by.
_WORD = 64


@dataclass(frozen=True)
class Scenario:
    """Customers of whom so many ``rows`` fulfil a condition."""

    name: str
    rows: str
    condition: str = "true"
    at_least: int = 1
    #: Whether it is looked at together with each other such scenario.
    paired: bool = True


SCENARIOS = (
    *(Scenario(each.name, "subscriptions", f"{quoted(each.attribute)} = {literal(each.value)}") for each in SEGMENTS),
    Scenario("Several subscriptions", "subscriptions", at_least=2),
    Scenario("Shipped", "subscriptions", '"plan.shipments_per_interval" > 0'),
    Scenario("Digital", "subscriptions", 'coalesce("plan.shipments_per_interval", 0) = 0'),
    Scenario("No subscription", "customers", _IMPORT_ONLY),
    Scenario("No email", "customers", '"customer.email" IS NULL'),
    Scenario("Several addresses", "addresses", at_least=2),
    Scenario("Several billing addresses", "addresses", "type = 'billing'", at_least=2),
    Scenario("Several shipping addresses", "addresses", "type = 'shipping'", at_least=2),
)


@dataclass(frozen=True)
class Customer:
    """A customer, and the scenarios that it is in as bits of a number: the first scenario is the lowest."""

    id: str
    scenarios: int


@dataclass(frozen=True)
class Population:
    """All customers of an extract, as far as a choice among them has to know."""

    customers: int
    #: Those that at least one customer is in.
    scenarios: tuple[Scenario, ...]
    #: How many customers are in each.
    counts: tuple[int, ...]
    #: The first customer in each set of scenarios that there is, and the first of all, in an order of chance that is the same everywhere.
    candidates: tuple[Customer, ...]

    def names(self, scenarios: int) -> list[str]:
        """The names of the scenarios whose bits are set."""
        return [each.name for bit, each in enumerate(self.scenarios) if scenarios >> bit & 1]

    def pairs(self, scenarios: int) -> int:
        """The pairs of scenarios whose bits are both set, as bits of another number."""
        size = len(self.scenarios)
        bits = [bit for bit, each in enumerate(self.scenarios) if each.paired and scenarios >> bit & 1]
        return sum(1 << (first * size + second) for first, second in combinations(bits, 2))


@dataclass(frozen=True)
class Choice:
    """A customer that was chosen, and the scenarios that no earlier one is in."""

    customer: Customer
    new: int


@dataclass(frozen=True)
class Cover:
    """The chosen customers, and what they cover of what is there: scenarios and pairs of them, as bits."""

    chosen: tuple[Choice, ...]
    scenarios: int
    pairs: int
    pairs_present: int


def cover(population: Population, size: int) -> Cover:
    """Choose so many customers: each time the one that covers the most new scenarios, then the most new pairs of them.

    Where nothing is left to cover, or two cover as much, it is the first in the population's order.
    """
    pairs = [population.pairs(each.scenarios) for each in population.candidates]
    scenarios = covered_pairs = 0
    chosen: list[Choice] = []
    left = list(range(len(population.candidates)))
    while left and len(chosen) < size:

        def gain(index: int, scenarios: int = scenarios, covered_pairs: int = covered_pairs) -> tuple[int, int]:
            new = population.candidates[index].scenarios & ~scenarios
            return new.bit_count(), (pairs[index] & ~covered_pairs).bit_count()

        best = max(left, key=gain)
        left.remove(best)
        customer = population.candidates[best]
        chosen.append(Choice(customer, customer.scenarios & ~scenarios))
        scenarios |= customer.scenarios
        covered_pairs |= pairs[best]
    present = 0
    for each in pairs:
        present |= each
    return Cover(tuple(chosen), scenarios, covered_pairs, present)


def population(connection: duckdb.DuckDBPyConnection, manifest: Manifest, most: int) -> Population:
    """The customers of staging, with the first ``most`` of them among the candidates.

    ``connection`` has the results of the judgement attached (``rules.results.attach``) and the staging database as
    ``staging``. The order is of a hash of the customer's id: no delivery, machine or run has another.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {_changes()}")
    declared = [*SCENARIOS, *_of_money(connection), *_of_rules(connection)]
    words = [declared[start : start + _WORD] for start in range(0, len(declared), _WORD)]
    named = [f"word{number}" for number, _ in enumerate(words)]
    # md5 is the same in every version of DuckDB; its own hash() is not.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE scenarios_of AS
        SELECT customer, md5_number(customer) AS hash, {", ".join(f"bit_or({word}) AS {word}" for word in named)}
        FROM ({" UNION ALL ".join(_masks(rows, words) for rows in _ROWS)}) GROUP BY customer"""
    )
    listed = ", ".join(named)
    sets = connection.execute(
        f"""SELECT {listed}, min(hash), arg_min(customer, hash), count(*) AS customers
        FROM scenarios_of GROUP BY {listed}"""
    ).fetchall()
    first = connection.execute(
        f"SELECT {listed}, hash, customer FROM scenarios_of ORDER BY hash LIMIT {most}"
    ).fetchall()
    size = len(named)
    present = [bit for bit in range(len(declared)) if any(_bit(row, bit) for row in sets)]
    candidates = {row[size]: (row[size + 1], row[:size]) for row in (*sets, *first)}
    return Population(
        customers=sum(row[-1] for row in sets),
        scenarios=tuple(declared[bit] for bit in present),
        counts=tuple(sum(row[-1] for row in sets if _bit(row, bit)) for bit in present),
        candidates=tuple(
            Customer(customer, sum(_bit(words, bit) << place for place, bit in enumerate(present)))
            for _, (customer, words) in sorted(candidates.items())
        ),
    )


def _bit(words: Sequence[int], bit: int) -> int:
    return words[bit // _WORD] >> bit % _WORD & 1


def _masks(rows: str, words: Iterable[Sequence[Scenario]]) -> str:
    """SQL of each customer with a row, and the words of the scenarios over such rows."""
    masks = []
    for number, scenarios in enumerate(words):
        own = [(1 << bit, each) for bit, each in enumerate(scenarios) if each.rows == rows]
        # Most are told by each row alone: one aggregate for all of them.
        by_row = " | ".join(
            f"if({each.condition}, {mask}::UBIGINT, 0::UBIGINT)" for mask, each in own if each.at_least == 1
        )
        counted = [
            f"if(count(*) FILTER ({each.condition}) >= {each.at_least}, {mask}::UBIGINT, 0::UBIGINT)"
            for mask, each in own
            if each.at_least > 1
        ]
        masks.append(
            " | ".join([f"bit_or({by_row or '0::UBIGINT'})", *counted]) + f" AS word{number}",
        )
    return f"SELECT customer, {', '.join(masks)} FROM {_ROWS[rows]} GROUP BY customer"


def _of_money(connection: duckdb.DuckDBPyConnection) -> list[Scenario]:
    """Each currency, and the least and the greatest amount of a plan that somebody has in it."""
    scenarios = []
    for currency, least, most in connection.execute(
        f"""SELECT "plan.currency", min("plan.amount"), max("plan.amount") FROM staging.plans
        SEMI JOIN staging.subscriptions ON {quoted(_PLAN_ID)} = {quoted(PLANS.key)}
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall():
        of_currency = f'"plan.currency" = {literal(currency)}'
        scenarios.append(Scenario(f"Currency {currency.upper()}", "subscriptions", of_currency))
        scenarios += [
            Scenario(
                f"{which} price in {currency.upper()}: {amount / 10 ** minor_digits(currency):,.{minor_digits(currency)}f}",
                "subscriptions",
                f'{of_currency} AND "plan.amount" = {amount}',
                paired=False,
            )
            for which, amount in (("Lowest", least), ("Highest", most))
        ]
    return scenarios


def _of_rules(connection: duckdb.DuckDBPyConnection) -> list[Scenario]:
    """Each rule that changed a value, and each object of which several records are one now."""
    return [
        Scenario(rule, "changes", f"rule = {literal(rule)}", paired=False)
        for (rule,) in connection.execute("SELECT DISTINCT rule FROM changed ORDER BY rule").fetchall()
    ]


def _changes() -> str:
    """SQL of ``customer, rule``: the rules by which a standing value is another than the delivered one, and what was merged."""
    selects = []
    for table in _REVIEWED:
        of_table = f"FROM not_prepared WHERE object = {literal(table.object)}"
        bits = ", ".join(
            f"({1 << bit}::UBIGINT, {literal(violation.rule)})"
            for bit, (_, violation) in enumerate(table.violations)
            # What only other records can infer is among the amendments.
            if violation.severity in (Severity.REPAIR, Severity.CLEAR) and not violation.cross_record
        )
        selects.append(
            f"""SELECT customer, rule FROM (FROM converted_{table.object} WHERE violations <> 0) violated
            JOIN (VALUES {bits}) bit(mask, rule) ON violations & mask <> 0
            ANTI JOIN ({of_table}) gone ON gone.record = violated.record"""
        )
        selects.append(
            f"""SELECT customer, rule FROM (FROM amendment WHERE object = {literal(table.object)}) amendment
            JOIN converted_{table.object} USING (record) ANTI JOIN ({of_table}) gone ON gone.record = amendment.record"""
        )
        selects.append(
            f"""SELECT customer, {literal(f"{table.title} merged")}
            FROM (FROM merged WHERE object = {literal(table.object)}) merged
            JOIN converted_{table.object} kept ON kept.record = into_record
            ANTI JOIN ({of_table}) gone ON gone.record = into_record"""
        )
    # Of a customer these two are told of all its records at once, and no amendment is kept of either.
    selects.append(
        f"""SELECT customer, 'CUS-IMPORT-ONLY' FROM golden_record
        ANTI JOIN (FROM not_prepared WHERE object = 'customer') gone USING (record)
        WHERE coalesce({_IMPORT_ONLY} NOT IN ('0', '1'), true)"""
    )
    said = f"SELECT * EXCLUDE {_IMPORT_ONLY}"
    selects.append(
        f"""SELECT customer, 'CUS-FILLED' FROM (
            {said} FROM repeated_golden_record
            EXCEPT {said} FROM customer_value SEMI JOIN (SELECT record FROM repeated_golden_record) first USING (record)
        )"""
    )
    return "SELECT DISTINCT customer, rule FROM (" + "\nUNION ALL\n".join(selects) + ")"
