"""The data dictionary: every template column, for people who fill the templates."""

from pelcro_pipeline.spec import ADDRESS_IDS, TABLES
from pelcro_pipeline.spec.model import Attribute, Severity


def markdown() -> str:
    """The dictionary as one Markdown page."""
    parts = ["# Data dictionary", "", "Every column of the Pelcro migration templates, and how it is read.", ""]
    for table in TABLES:
        parts += [f"## {table.title}", "", table.doc, "", *_table(table.attributes), ""]
    parts += [
        "## Address ids",
        "",
        "Two columns more, only where a customer has several addresses of one type.",
        "",
        *_table(tuple(ADDRESS_IDS.values())),
        "",
    ]
    return "\n".join(parts)


def _table(attributes: tuple[Attribute, ...]) -> list[str]:
    rows = ["| column | need | kind | what it says | examples | rules |", "|---|---|---|---|---|---|"]
    for attribute in attributes:
        rules = dict.fromkeys(
            f"{violation.rule} ({violation.severity})"
            for violation in attribute.violations
            if violation.severity is not Severity.EXCLUDED
        )
        cells = (
            f"`{attribute.name}`",
            attribute.need,
            attribute.kind.doc,
            attribute.doc,
            ", ".join(f"`{example}`" for example in attribute.examples),
            ", ".join(rules),
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows
