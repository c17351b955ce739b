"""The catalogue: every rule once, in plain words, and the pages that are rendered from it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pelcro_pipeline.rules import catalogue, handbook, judgement
from pelcro_pipeline.rules.catalogue import EXCLUSIONS, ORDER, RULES, SECTIONS
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.spec import ADDRESS_IDS, ADDRESSES, ATTRIBUTES, TABLES
from pelcro_pipeline.spec.model import Severity

DOCS = Path(__file__).parents[1] / "docs"

#: The ids in order: the order in which the ledger names the first.
BOOK = {
    "Files": """
        FILE-UNREADABLE FILE-HEADER-PLACE FILE-SHEET FILE-TEXT-HEALTH FILE-NOTHING FILE-CELL-ERROR FILE-DIGITS-LOST FILE-INVISIBLE
        FILE-NO-RECORD FILE-QUOTE FILE-HEADER FILE-DUPLICATE-HEADER FILE-MISSING FILE-RAGGED FILE-BLANK FILE-DATE-ORDER
        FILE-CARD-NUMBER""",
    "Source systems": "SRC-STATUS SRC-MAP SRC-LOOKUP SRC-DATE SRC-MONEY SRC-ASSUMED SRC-FIELD SRC-ASKED SRC-DROPPED SRC-SUPERSEDED",
    "Customers": """
        CUS-ID-MISSING CUS-MERGED CUS-FILLED CUS-CONFLICT CUS-TWO-PEOPLE CUS-ID-ALIKE CUS-EMAIL-INVALID CUS-EMAIL-PLACEHOLDER
        CUS-EMAIL-SHARED CUS-PHONE-INVALID
        CUS-DISPLAY-NAME-SHARED CUS-IMPORT-ONLY CUS-IMPORT-ONLY-SUB CUS-ORIGINAL-ID CUS-PASSWORD-SCHEME
        CUS-PASSWORD-UNPROVEN""",
    "Addresses": """
        ADR-NAME ADR-REQUIRED ADR-COUNTRY ADR-STATE ADR-STATE-EMPTY ADR-ZIP ADR-PHONE ADR-SALUTATION ADR-CONFLICT
        ADR-ID-CONFLICT ADR-WHICH""",
    "Products": "PRD-REQUIRED PRD-ID-SHARED PRD-ADDRESS-REQUIRED PRD-DESCRIPTOR PRD-ACTIVE",
    "Plans": """
        PLN-REQUIRED PLN-ID-SHARED PLN-PRODUCT PLN-AMOUNT PLN-AMOUNT-UNIT PLN-CURRENCY PLN-BOOLEAN PLN-INTERVAL PLN-INTERVAL-COUNT
        PLN-SHIPMENTS PLN-TYPE PLN-REVENUE""",
    "Subscriptions": """
        SUB-NOT-MIGRATED SUB-PLAN SUB-PERIOD-END SUB-EXPIRED SUB-ENDED-ACTIVE SUB-FAR SUB-CANCEL SUB-CANCEL-PLAN SUB-DATE SUB-BOOLEAN
        SUB-START-AFTER-END SUB-SHIPMENTS SUB-QUANTITY SUB-COLLECTION SUB-STATUS SUB-TYPE SUB-OLD-ID-SHARED
        SUB-OLD-ID-MISSING SUB-DUPLICATE""",
    "Relations": """
        REL-CUSTOMER REL-SHIPPING REL-TAX-ADDRESS REL-MEMBERSHIP-ADMIN REL-MEMBERSHIP-ID REL-MEMBERSHIP-PLAN
        REL-GIFT-FLAG REL-EXCLUDED-PARTNER REL-GIFT-DONOR REL-GIFT-ONE-TO-ONE REL-GIFT-ALONE REL-GIFT-PLAN REL-STRAY REL-GIFT-SELF REL-GIFT-BOTH REL-CLOSURE""",
    "Unpaid subscriptions": "BIL-EXPIRED-FLAG BIL-QUANTITY",
    "Pelcro's Core API": """
        API-LENGTH API-PHONE API-STATE API-QUANTITY API-PERIOD-END API-ADDRESS API-CARD API-MEMBER API-PASSWORD
        API-INACTIVE API-START API-TAKEN API-CHANGED API-DOUBLE API-DELETED API-REFUSED""",
}
IDS = [rule for section in BOOK.values() for rule in section.split()]
#: Rules that make no finding: they stop the run, stand in the ledger alone, or let something be.
WITHOUT_FINDING = {
    "FILE-UNREADABLE",
    "FILE-HEADER-PLACE",
    "FILE-MISSING",
    "CUS-MERGED",
    "ADR-SALUTATION",
    "REL-CLOSURE",
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))


class TestTheBook:
    def test_every_rule_of_the_book_is_in_the_catalogue_once_and_in_its_section(self):
        assert {title: [rule.id for rule in rules] for title, rules in SECTIONS.items()} == {
            title: ids.split() for title, ids in BOOK.items()
        }
        assert [rule for rule, count in Counter(IDS).items() if count > 1] == []

    def test_the_ledger_names_the_first_by_the_book_s_order(self):
        assert sorted(ORDER, key=ORDER.__getitem__) == IDS

    def test_exclusions_are_the_rules_that_only_exclude(self):
        assert EXCLUSIONS == (
            "FILE-BLANK",
            "SRC-DROPPED",
            "SRC-SUPERSEDED",
            "CUS-IMPORT-ONLY-SUB",
            "SUB-NOT-MIGRATED",
            "SUB-EXPIRED",
        )

    @each_rule
    def test_an_id_is_its_section_and_plain_words(self, rule):
        assert re.fullmatch(r"[A-Z]{3,4}-[A-Z-]+", rule.id)


class TestWords:
    @each_rule
    def test_a_rule_says_what_is_wrong_and_what_to_do(self, rule):
        assert rule.sentence.strip().endswith(".")
        assert rule.fix.strip().endswith(".")

    @each_rule
    def test_a_rule_rests_on_the_guide_or_says_how_it_was_read(self, rule):
        assert rule.guide or rule.interpretation

    @each_rule
    def test_a_rule_makes_findings_or_says_what_it_does_instead(self, rule):
        assert bool(catalogue.severities(rule.id)) != bool(rule.effect)
        assert bool(rule.effect) == (rule.id in WITHOUT_FINDING)


class TestDeclarations:
    """What the spec and the rules' queries do is what the catalogue says, and is said once."""

    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_every_violation_has_a_severity_of_its_rule(self, table):
        assert [
            (violation.rule, attribute.name, violation.severity)
            for attribute, violation in table.violations
            if violation.rule not in RULES or violation.severity not in catalogue.severities(violation.rule)
        ] == []

    @pytest.mark.parametrize("rule", judgement.RULES)
    def test_a_query_that_tells_severities_tells_those_of_its_rule(self, rule):
        told = re.findall(r"'(reject|clear|repair|question)'", FILES[rule].sql)
        # Of whole columns the profile tells it (FILE-DIGITS-LOST).
        known = set(catalogue.severities(rule))
        assert not told or (set(told) <= known if catalogue.RULES[rule].once_a_column else set(told) == known)

    @each_rule
    def test_severities_and_columns_are_named_by_hand_only_where_the_spec_does_not_say_the_same(self, rule):
        said = [(attribute.name, violation) for table in TABLES for attribute, violation in table.violations]
        own = [(name, violation) for name, violation in said if violation.rule == rule.id]
        assert not rule.severities or set(rule.severities) != {violation.severity for _, violation in own}
        assert not (rule.attributes and own)

    @each_rule
    def test_every_column_named_is_one_of_the_templates(self, rule):
        types = {table.prefix.rstrip("_") for table in ADDRESSES}
        known = {*ATTRIBUTES, *(attribute.name for attribute in ADDRESS_IDS.values()), *types}
        assert set(handbook.attributes(rule.id)) <= known


class TestPages:
    @pytest.mark.parametrize("name", handbook.PAGES)
    def test_a_page_is_what_is_rendered_now(self, name):
        rendered = handbook.PAGES[name]()
        written = (DOCS / name).read_text(encoding="utf-8") if (DOCS / name).is_file() else ""
        assert written == rendered, f"docs/{name} is out of date: {handbook.COMMAND}"

    def test_all_pages_are_written_by_one_command(self, tmp_path):
        handbook.main(tmp_path)
        assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
            name: render() for name, render in handbook.PAGES.items()
        }

    def test_every_link_within_the_page_has_one_heading(self):
        page = handbook.markdown()
        headings = Counter(handbook.anchor(heading) for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE))
        linked = set(re.findall(r"\]\((#[^)]+)\)", page))
        assert {target: headings[target] for target in linked} == dict.fromkeys(linked, 1)
        assert linked >= {handbook.anchor(rule) for rule in IDS}

    def test_every_severity_is_explained(self):
        assert set(handbook.MEANINGS) == set(Severity)
