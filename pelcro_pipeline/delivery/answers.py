"""The publisher's answers as they stand in an extract's folder: answers.csv, or the workbook of questions filled in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pelcro_pipeline.delivery import workbook
from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.settings import DELIMITERS
from pelcro_pipeline.spec.sql import MARK
from pelcro_pipeline.workspace.intake import own_file

ANSWERS, QUESTIONS = "answers.csv", "questions.xlsx"
#: The columns of both that are read; an answer may come with the first two alone.
COLUMNS = ("id", "answer", "value", "attribute", "about", "content")


class GivenAnswer(BaseModel):
    """One line of answers: whose question it is of, what is answered, and what the question was about when it was."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    question: str
    answer: str
    value: str = ""
    attribute: str | None = None
    about: str | None = None
    content: str = ""

    @property
    def place(self) -> str:
        return f"{self.file} line {self.line}"


def read(folder: Path) -> tuple[GivenAnswer, ...]:
    """The answers of an extract's folder, each question once.

    Raises UnusableInputError for a file that holds no answers, and where a question is answered in two ways.
    """
    paths = [folder / name for name in (ANSWERS, QUESTIONS)]
    return agreed(answer for path in paths if path.exists() or path.is_symlink() for answer in read_file(path))


def agreed(answers: Iterable[GivenAnswer]) -> tuple[GivenAnswer, ...]:
    """The answers, each question once. Raises UnusableInputError where a question is answered in two ways."""
    given: dict[str, GivenAnswer] = {}
    for answer in answers:
        first = given.setdefault(answer.question, answer)
        if (first.answer, first.value) != (answer.answer, answer.value):
            raise UnusableInputError(
                f"{answer.place}: {answer.question} is answered otherwise than at {first.place}: take one of the two out."
            )
    return tuple(given.values())


def read_file(path: Path) -> list[GivenAnswer]:
    """The answers of one file, those left empty passed over. Raises UnusableInputError for a file that holds none such."""
    own_file(path)
    rows = _of_workbook(path) if workbook.is_workbook(path) else _of_text(path)
    line, header = next(rows, (1, []))
    places = {name.strip().lower(): position for position, name in enumerate(header)}
    if missing := [name for name in COLUMNS[:2] if name not in places]:
        raise UnusableInputError(
            f"{path.name} has no column {' nor '.join(missing)} on line {line}: answer in questions.xlsx or questions.csv as they were made."
        )
    answers = []
    for line, row in rows:
        cells = {
            name: re.sub(MARK, "", row[places[name]].strip())
            for name in COLUMNS
            if places.get(name, len(row)) < len(row)
        }
        if not cells.get("answer"):
            continue
        answers.append(
            GivenAnswer(
                file=path.name,
                line=line,
                question=cells["id"],
                answer=" ".join(cells["answer"].lower().split()),
                value=cells.get("value", ""),
                attribute=cells.get("attribute"),
                about=cells.get("about"),
                content=cells.get("content", ""),
            )
        )
    return answers


def _of_workbook(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a workbook's first sheet, each with its number."""
    for sheet in workbook.sheets(path):
        return iter(zip(sheet.numbers, sheet.rows, strict=True))
    return iter(())


def _of_text(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV file, each with the line that it begins on."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableInputError(f"{path.name} is no UTF-8 text: save it as CSV in UTF-8, or as a workbook.") from error
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(DELIMITERS, key=first.count), strict=True)
    before = 0
    try:
        for row in reader:
            if any(row):
                yield before + 1, row
            before = reader.line_num
    except csv.Error as error:
        raise UnusableInputError(
            f"{path.name} line {before + 1} is no line of CSV ({error}): save it again."
        ) from error


def write(given: Sequence[GivenAnswer], path: Path) -> None:
    """Write answers as answers.csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            [each.question, each.answer, each.value, each.attribute or "", each.about or "", each.content]
            for each in given
        )
