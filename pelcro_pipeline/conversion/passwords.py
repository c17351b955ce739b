"""Passwords: whether a publisher's samples prove that a scheme is understood.

No password and no hash leaves this module: it gives schemes and counts.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import os
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import bcrypt

from pelcro_pipeline.errors import UnusableInputError
from pelcro_pipeline.spec.kinds import BCRYPT, DRUPAL, HASH_SHAPES, MD5, PLAIN_TEXT, WORDPRESS
from pelcro_pipeline.workspace.intake import PASSWORD_SAMPLES, own_file

#: "A minimum of 5 password examples (hashes and their equivalent plain text)."
ENOUGH = 5

_PHPASS_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: bcrypt reads no further, and its library refuses what PHP cuts off.
_BCRYPT_BYTES = 72
#: Each step doubles the time, 14 take a second: the 31 that a hash can ask for take a day.
_BCRYPT_COSTLIEST = 14
#: So that verifying them ends, whatever the hashes ask for.
_MOST = 100


def proven(folder: Path) -> Counter[str]:
    """How many different sample pairs of each scheme verify, in the folder's password_samples.csv.

    Two columns: hash, plain text; a header is passed over. Raises UnusableInputError for a file that
    has no such pairs.
    """
    path = folder / PASSWORD_SAMPLES
    if not os.path.lexists(path):
        return Counter()
    try:
        with own_file(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(islice(filter(any, csv.reader(file)), _MOST + 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInputError(
            f"{PASSWORD_SAMPLES} is no UTF-8 CSV: deliver two columns, hash and plain text."
        ) from error
    if len(rows) > _MOST:
        raise UnusableInputError(
            f"{PASSWORD_SAMPLES} holds more than {_MOST} lines: five pairs of each scheme are enough."
        )
    if any(len(row) != 2 for row in rows):
        raise UnusableInputError(f"{PASSWORD_SAMPLES} needs two columns in every line: hash and plain text.")
    pairs = {(hash_.strip(), plain) for hash_, plain in rows}
    return Counter(scheme for hash_, plain in pairs if (scheme := verified(hash_, plain)) is not None)


def verified(hash_: str, plain: str) -> str | None:
    """The scheme under which the plain text gives the hash, or None."""
    for scheme, verify in _SCHEMES.items():
        if verify(hash_, plain):
            return scheme
    return None


def _has_shape(scheme: str, hash_: str) -> bool:
    return re.match(HASH_SHAPES[scheme], hash_) is not None


def _drupal(hash_: str, plain: str) -> bool:
    return _has_shape(DRUPAL, hash_) and _phpass(hash_, plain, "sha512")[:55] == hash_[:55]


def _wordpress(hash_: str, plain: str) -> bool:
    if hash_.startswith("$wp$2y$"):
        # WordPress 6.8: bcrypt over the HMAC, so that no password is cut.
        digest = hmac.new(b"wp-sha384", plain.strip().encode(), hashlib.sha384).digest()
        return _checked(base64.b64encode(digest), hash_.removeprefix("$wp"))
    return _has_shape(WORDPRESS, hash_) and _phpass(hash_, plain, "md5") == hash_


def _bcrypt(hash_: str, plain: str) -> bool:
    return _has_shape(BCRYPT, hash_) and _checked(plain.encode()[:_BCRYPT_BYTES], hash_)


def _checked(plain: bytes, hash_: str) -> bool:
    cost = re.match(r"\$2[aby]\$(\d\d)\$", hash_, re.ASCII)
    if cost is None or int(cost[1]) > _BCRYPT_COSTLIEST:
        return False
    try:
        return bcrypt.checkpw(plain, hash_.encode())
    except ValueError:
        # A hash of the right beginning and the wrong length: no bcrypt hash.
        return False


def _md5(hash_: str, plain: str) -> bool:
    match = re.fullmatch(r"([0-9a-fA-F]{32})(?::(.+))?", hash_)
    if match is None:
        return False
    digest, salt = match[1].lower(), match[2] or ""
    candidates = (salt + plain, plain + salt)
    return digest in {hashlib.md5(each.encode(), usedforsecurity=False).hexdigest() for each in candidates}


def _plain(hash_: str, plain: str) -> bool:
    return bool(plain) and hash_ == plain


def _phpass(hash_: str, plain: str, algorithm: str) -> str:
    """The portable hash of PHP's phpass, by the rounds and salt that a stored hash begins with."""
    if len(hash_) < 12 or hash_[3] not in _PHPASS_LETTERS:
        return ""
    rounds, salt = 1 << _PHPASS_LETTERS.index(hash_[3]), hash_[4:12]
    if not 1 << 7 <= rounds <= 1 << 20:
        return ""
    password = plain.encode()
    digest = hashlib.new(algorithm, salt.encode() + password, usedforsecurity=False).digest()
    for _ in range(rounds):
        digest = hashlib.new(algorithm, digest + password, usedforsecurity=False).digest()
    return hash_[:12] + _encoded(digest)


def _encoded(digest: bytes) -> str:
    """Six bits a letter, least significant first, as phpass writes them."""
    letters = []
    for start in range(0, len(digest), 3):
        group = digest[start : start + 3]
        value = int.from_bytes(group, "little")
        letters += [_PHPASS_LETTERS[value >> (6 * place) & 63] for place in range(len(group) + 1)]
    return "".join(letters)


#: In the order in which a hash is tried; plain text has no shape of its own.
_SCHEMES = {DRUPAL: _drupal, WORDPRESS: _wordpress, BCRYPT: _bcrypt, MD5: _md5, PLAIN_TEXT: _plain}
