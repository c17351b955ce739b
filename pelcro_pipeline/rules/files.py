"""The relations and rules that stand in files: ``sql/<relation>.sql`` and ``sql/<RULE>.sql``."""

from __future__ import annotations

from pathlib import Path

from pelcro_pipeline.engine.relations import Relation, from_folder

#: Each by its name.
FILES: dict[str, Relation] = from_folder(Path(__file__).parent / "sql")
