"""The error catalogue: every rule on one page, for who meets its id in findings.csv.

The words are the catalogue's, the columns what the spec declares beside it: nothing is said
here a second time. Each rule is a heading, so that its id in small letters is its anchor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pelcro_pipeline.delivery.recognition import INDISPENSABLE
from pelcro_pipeline.rules import catalogue, drawing
from pelcro_pipeline.rules.catalogue import SECTIONS, Rule
from pelcro_pipeline.spec import BY_OBJECT, dictionary
from pelcro_pipeline.spec.model import Severity

COMMAND = "python -m pelcro_pipeline.rules.handbook"

MEANINGS = {
    Severity.REJECT: "The object is not migrated. It is kept in the archive.",
    Severity.CLEAR: "This value is not migrated; the object is.",
    Severity.REPAIR: "The value was missing or not in an accepted form, and another was inferred: see `result`.",
    Severity.QUESTION: "It is migrated as it is. Please say whether that is right.",
    Severity.EXCLUDED: "It has no place in a migration. It stands in `ledger.csv` alone, and is kept in the archive.",
}

_INTRODUCTION = """\
# Rules

What a delivery must hold to, rule by rule. `findings.csv` names for each finding the file, the line and the column,
and one of these rules; `ledger.csv` names the rule by which an object was left behind. An object is a customer, an
address, a product, a plan or a subscription; one line can hold several.

The columns are described in the [data dictionary](data-dictionary.md). The guide is Pelcro's *Migrating your data*,
quoted word for word. Where it is silent or leaves room, it is said how it was read, and why."""


def markdown() -> str:
    """The catalogue as one Markdown page."""
    contents = "\n".join(f"- {_link(title, title)}: {_ids(rules)}" for title, rules in SECTIONS.items())
    parts = [_INTRODUCTION, contents, "## Severities", _severities()]
    for title, rules in SECTIONS.items():
        parts += [f"## {title}", *(part for rule in rules for part in _entry(rule))]
    return "\n\n".join(parts) + "\n"


def anchor(heading: str) -> str:
    """Where a rule's entry stands on the page, as a link's end."""
    return "#" + heading.lower().replace(" ", "-")


def attributes(rule: str) -> tuple[str, ...]:
    """The columns that a rule concerns, as far as they can be named, in the templates' order."""
    if rule == "FILE-MISSING":
        return tuple(name for needed in INDISPENSABLE.values() for name in needed)
    return catalogue.attributes(rule)


def _entry(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield rule.sentence
    lines = {
        "Severity": ", ".join(f"`{severity}`" for severity in catalogue.severities(rule.id)),
        "Effect": rule.effect,
        "What to do": rule.fix,
        "Columns": _columns(rule),
        "The guide": f"“{rule.guide}”" if rule.guide else "",
        "How it is read": rule.interpretation,
        "What is asked": _asked(rule),
    }
    yield "\n".join(f"- **{title}:** {text}" for title, text in lines.items() if text)


def _asked(rule: Rule) -> str:
    """The question of a rule, what it is about, and what may be answered; the first is the default."""
    if rule.asks is None:
        return ""
    sentence = rule.asks.sentence.format(attribute="…", about="…")
    answers = "; ".join(
        f"`{answer.word}`: {answer.does[0].lower()}{answer.does[1:].rstrip('.')}" for answer in rule.asks.answers
    )
    return f"once for each {rule.asks.about}: {sentence} {answers}."


def _columns(rule: Rule) -> str:
    named = attributes(rule.id)
    if named:
        return ", ".join(f"`{name}`" for name in named)
    return f"any that begins with `{BY_OBJECT[rule.object].prefix}`" if rule.object else ""


def _severities() -> str:
    rows = ["| severity | what it means |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{severity}` | {meaning} |" for severity, meaning in MEANINGS.items())])


def _ids(rules: tuple[Rule, ...]) -> str:
    return ", ".join(_link(rule.id, rule.id) for rule in rules)


def _link(text: str, heading: str) -> str:
    return f"[{text}]({anchor(heading)})"


_ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
_DRAWING = re.compile(r"(?<=```mermaid\n).*?(?=\n```)", re.DOTALL)


def architecture() -> str:
    """The page on the architecture, its drawing of the relations as they are now."""
    return _DRAWING.sub(lambda _: drawing.mermaid(), _ARCHITECTURE.read_text(encoding="utf-8"))


#: The pages of the project's docs that are rendered, or hold what is.
PAGES = {
    "rules.md": markdown,
    "data-dictionary.md": dictionary.markdown,
    "architecture.md": architecture,
}


def main(folder: Path = Path("docs")) -> None:
    """Write the rendered pages into ``folder``; run where the project's files stand."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
