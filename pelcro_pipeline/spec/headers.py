"""The empty templates: a header and nothing else."""

from pelcro_pipeline.spec import TEMPLATES


def template(name: str) -> list[str]:
    """A template's columns in the guide's order."""
    return [attribute.name for table in TEMPLATES[name] for attribute in table.attributes]
