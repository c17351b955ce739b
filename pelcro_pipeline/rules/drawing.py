"""The relations of the judgement as a drawing, for docs/architecture.md."""

from __future__ import annotations

from collections.abc import Mapping

from pelcro_pipeline.delivery.manifest import Manifest
from pelcro_pipeline.engine.relations import Relation
from pelcro_pipeline.rules import answers, columns, findings, judgement, ledger
from pelcro_pipeline.rules.files import FILES
from pelcro_pipeline.settings import Settings

#: Drawn as one: what is given, and rules, of which each says in its file what it reads.
_GROUPS = {
    "converted objects": tuple(name for name in judgement.GIVEN if name not in answers.GIVEN),
    "questions and answers": answers.GIVEN,
    "rules of one record": judgement.RECORD_RULES,
    "rules between records": judgement.RELATION_RULES,
    "rules of what is migrated": (*judgement.OF_MIGRATED, *judgement.LAST),
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
_ORDER = (*judgement.ORDER, *answers.ORDER, *findings.ORDER, *ledger.ORDER)


#: What the spec says of relations is the same for every extract, and for none.
_NO_EXTRACT = Manifest(files=(), fingerprint="", content_digest="", settings=Settings())


def mermaid() -> str:
    """A flowchart of the relations, each with what it reads."""
    relations = FILES | columns.relations(_NO_EXTRACT) | answers.relations() | findings.relations(_NO_EXTRACT)
    nodes = dict.fromkeys(_GROUP_OF.get(name, name) for name in ("location", *_ORDER))
    edges = dict.fromkeys(
        (_GROUP_OF.get(read, read), _GROUP_OF.get(name, name)) for name in _ORDER for read in relations[name].reads
    )
    lines = ["flowchart LR"]
    lines += [f"    {_id(node)}{_shape(node, relations)}" for node in nodes]
    lines += [f"    {_id(read)} --> {_id(node)}" for read, node in edges if read != node]
    return "\n".join(lines)


def _id(node: str) -> str:
    return node.replace(" ", "_")


def _shape(node: str, relations: Mapping[str, Relation]) -> str:
    """Groups are round, tables have a frame of their own, views are plain."""
    if node in _GROUPS:
        return f'(["{node}"])'
    return f'[["{node}"]]' if relations[node].stored else f'["{node}"]'
