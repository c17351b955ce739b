"""The contract: each call and field that is used stands in the documentation, or is assumed by name; and the page says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pelcro_pipeline.settings import Conventions, Environment
from pelcro_pipeline.target.core_api import handbook, mapping
from pelcro_pipeline.target.core_api.contract import ASSUMED, CALLS, CHANGES, CREATIONS, LOOK_UPS, PARAMETERS
from pelcro_pipeline.target.core_api.journal import State
from pelcro_pipeline.target.core_api.mapping import MARK, METADATA
from pelcro_pipeline.target.core_api.plan import ACTIONS
from pelcro_sandbox.assumptions import chosen, declared
from pelcro_sandbox.openapi import PREFIX, document

API = document(chosen())
KINDS = mapping.kinds(Conventions())


def told(marked: dict) -> str:
    """The page that a part of the document names, or the assumption."""
    return marked["x-documented"] if "x-documented" in marked else ASSUMED + marked["x-assumed"]


def endpoint(method: str, path: str) -> dict:
    return API["paths"][PREFIX + path][method.lower()]


def sent(call) -> set[str]:
    """The fields of the body of a creation or a change."""
    kind = KINDS[call.kind]
    creates = call is CREATIONS.get(call.kind)
    carried = [each.name for each in (*kind.fields, *kind.references) if creates or each.updates]
    names = {"metadata" if name.startswith(METADATA) else name for name in carried}
    if kind.mark_in == METADATA + MARK:
        names.add("metadata")
    return names | (set(kind.constants) if creates else set())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.what} {call.kind}")
def test_a_call_is_documented_where_it_is_said_to_be(call):
    assert told(endpoint(call.method, call.path)) == call.source


@pytest.mark.parametrize("call", [*CREATIONS.values(), *CHANGES.values()], ids=lambda call: f"{call.what} {call.kind}")
def test_every_field_that_is_sent_is_documented_where_it_is_said_to_be(call):
    fields = endpoint(call.method, call.path)["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {name: call.source_of(name) for name in sent(call)} == {name: told(fields[name]) for name in sent(call)}
    # Nothing is said of a field that is not sent.
    assert set(call.fields) <= sent(call) | {"metadata"}


def test_look_ups_and_their_parameters_are_documented_too():
    assert [each.path for each in LOOK_UPS if told(endpoint("get", each.path)) != each.source] == []
    listed = {each["name"].partition("[")[0]: told(each) for each in endpoint("get", "/customers")["parameters"]}
    named = {name.partition("[")[0]: source for names, (_, source) in PARAMETERS.items() for name in names.split(", ")}
    assert named == {name: listed[name] for name in named}


def test_every_kind_that_can_be_changed_has_a_call_that_does():
    assert {name for name, kind in KINDS.items() if kind.updates} == set(CHANGES)
    assert set(CREATIONS) == set(KINDS)


def test_what_is_assumed_is_an_assumption():
    sources = [call.source for call in CALLS] + [source for call in CALLS for source in call.fields.values()]
    named = {source.removeprefix(ASSUMED) for source in sources if source.startswith(ASSUMED)}
    named |= {
        word
        for field in Conventions.model_fields.values()
        for word in re.split(" and ", field.description.partition(":")[0])
    }
    assert named <= set(declared())


class TestThePage:
    PAGE = handbook.markdown()

    def test_it_is_what_is_rendered_now(self):
        written = (Path(__file__).parents[1] / "docs" / "core-api.md").read_text(encoding="utf-8")
        assert written == self.PAGE, (
            "docs/core-api.md is out of date: python -m pelcro_pipeline.target.core_api.handbook"
        )

    def test_it_names_every_attribute_that_goes_to_a_site_and_every_one_that_does_not(self):
        missing = [name for name, _, _ in mapping.attributes() if f"`{name}`" not in self.PAGE]
        assert missing == []

    def test_every_state_and_action_is_explained(self):
        assert set(handbook.STATES) == set(State)
        assert all(f"`{action}`" in self.PAGE for action in ACTIONS)

    def test_every_setting_is_described(self):
        fields = [*Environment.model_fields.items(), *Conventions.model_fields.items()]
        assert [name for name, field in fields if not field.description or f"| `{name}` |" not in self.PAGE] == []

    def test_every_form_of_a_value_is_in_words(self):
        plain = {mapping.TEXT, mapping.WORD, mapping.WHOLE, mapping.BOOLEAN}
        for kind in KINDS.values():
            unsaid = [
                each.attribute
                for each in kind.fields
                if each.form not in plain and each.form not in handbook.FORMS and each.attribute not in handbook.FIELDS
            ]
            assert unsaid == []
