"""Pseudonyms: a keyed word in the place of a personal value, the same for the same value on every run of a workspace."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import duckdb

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec.model import Personal
from pelcro_pipeline.workspace import atomic, lock

#: HMAC-SHA256 over blocks of this many bytes (RFC 2104).
_BLOCK = 64
#: With 10 hex digits two of a million customers share a pseudonym in one workspace of three; with 12, in one of six hundred.
_DIGITS = 12
#: What stands for a whole line of a delivered file, and for a value of a column that the spec does not know.
LINE, VALUE = "record", "value"
#: What every pseudonym looks like, in RE2 and in Python.
SHAPE = rf"\b(?:{'|'.join([*Personal, LINE, VALUE])})-[0-9a-f]{{{_DIGITS}}}\b"

_MACROS = rf"""
CREATE OR REPLACE TEMP MACRO plain(said) AS coalesce(trim_to_null(said), said);
CREATE OR REPLACE TEMP MACRO digits(said) AS regexp_replace(said, '\D', '', 'g');
CREATE OR REPLACE TEMP MACRO identity(kind, said) AS CASE kind
    WHEN '{Personal.EMAIL}' THEN lower(plain(said))
    WHEN '{Personal.PHONE}' THEN if(strlen(digits(said)) >= 7, digits(said), plain(said))
    ELSE plain(said) END;
CREATE OR REPLACE TEMP MACRO pseudonym(kind, said) AS kind || '-' || left(sha256(getvariable('pseudonym_outer')
    || unhex(sha256(getvariable('pseudonym_inner') || encode(kind || chr(31) || identity(kind, said))))), {_DIGITS});
"""


def key(home: Path) -> bytes:
    """The workspace's key, made on first use for its owner alone. Raises UnusableInputError where its file holds none.

    Who has it can tell which pseudonym is whose by trying; without it nobody can, and it is in no bundle.
    """
    at = home / "pseudonym.key"
    with lock.awaited(at):
        if not at.exists():
            with atomic.file(at) as unfinished:
                unfinished.write_text(secrets.token_hex(32))
    text = at.read_text(encoding="ascii", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UnusableInputError(
            f"{at} holds no key: put back the one that was there, or delete it, and all pseudonyms are new ones."
        )
    return bytes.fromhex(text)


def create_macros(connection: duckdb.DuckDBPyConnection, secret: bytes) -> None:
    """The macro ``pseudonym(kind, said)``: ``customer-3f9a1c2b7d04``.

    It is HMAC-SHA256 of the kind and the value, which is trimmed, an email in lower case, a phone its digits. The key is
    a variable of the connection: as part of the SQL it would stand in DuckDB's errors.
    """
    for name, pad in (("pseudonym_inner", 0x36), ("pseudonym_outer", 0x5C)):
        connection.execute(
            f"SET VARIABLE {name} = ?::BLOB", [bytes(each ^ pad for each in secret.ljust(_BLOCK, b"\0"))]
        )
    connection.execute(_MACROS)
