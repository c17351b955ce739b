"""The gate: a named person's word for one exact state, void with any change."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import tomlkit

from pelcro_pipeline.delivery.manifest import is_current
from pelcro_pipeline.errors import RefusedError, UnusableInputError
from pelcro_pipeline.review import progress, sign_off
from pelcro_pipeline.target import database
from pelcro_pipeline.workspace.places import ExtractPaths
from pelcro_pipeline.workspace.purge import is_purged, purge, purged
from pelcro_pipeline_tests.extract import ON_THE_DAY, SETTINGS, Delivery, changed, migrate, produced, reader

EXTRACT = "harbour-review"


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> Path:
    """A workspace whose one extract has had its dry run."""
    home = tmp_path_factory.mktemp("home")
    migrate(Delivery([reader(1), reader(2)]), home, EXTRACT).staged()
    return home


@pytest.fixture
def paths(staged, tmp_path) -> ExtractPaths:
    """The same in a workspace of the test's own."""
    shutil.copytree(staged, tmp_path, dirs_exist_ok=True)
    return ExtractPaths(tmp_path, EXTRACT)


def test_without_a_sign_off_the_gate_is_shut(paths):
    with pytest.raises(RefusedError, match=f"{EXTRACT} is not signed off"):
        sign_off.verified(paths)


def test_a_sign_off_holds_for_the_state_that_was_signed(paths):
    signed = sign_off.sign(paths, 'Béatrice "Bea" O\'Brien \\ Côté', "Publisher")
    assert sign_off.verified(paths) == signed
    assert signed.signed_by == 'Béatrice "Bea" O\'Brien \\ Côté'
    assert signed.role == "Publisher"


CHANGES: dict[str, tuple[str, Callable[[ExtractPaths], None]]] = {
    "a delivered cell": (
        "the delivered files",
        lambda paths: changed(paths.delivered / "customers.csv", "Genaro", "Gennaro"),
    ),
    "a file more": (
        "the delivered files",
        lambda paths: (paths.delivered / "notes.csv").write_text("{}"),
    ),
    "a file renamed": (
        "the delivered files",
        lambda paths: (paths.delivered / "plans.csv").rename(paths.delivered / "rates.csv"),
    ),
    "a file less": ("the delivered files", lambda paths: (paths.delivered / "products.csv").unlink()),
    "a prepared cell": (
        "the prepared files",
        lambda paths: changed(paths.prepared / "plans.csv", "9900", "990"),
    ),
    "a prepared record less": (
        "the prepared files",
        lambda paths: changed(paths.prepared / "products.csv", "CREW", "CREWS"),
    ),
    "a count of the statistics": (
        "the statistics",
        lambda paths: changed(paths.reports / "statistics.csv", "Objects,Customers,2", "Objects,Customers,3"),
    ),
    "a setting": (
        "the settings",
        lambda paths: (paths.delivered / "extract.toml").write_text(SETTINGS.replace("false", "true")),
    ),
    "the day of the migration": (
        "the settings",
        lambda paths: changed(paths.delivered / "extract.toml", "2026-11-01", "2026-11-02"),
    ),
    "no settings any more": ("the settings", lambda paths: (paths.delivered / "extract.toml").unlink()),
}


@pytest.mark.parametrize(("what", "change"), CHANGES.values(), ids=CHANGES)
def test_any_change_voids_it_and_is_named(what, change, paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    change(paths)
    with pytest.raises(RefusedError) as refused:
        sign_off.verified(paths)
    assert f"{EXTRACT} has changed since Jane Doe signed it ({what}):" in str(refused.value)


def test_every_change_is_named(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    for _, change in (CHANGES["a delivered cell"], CHANGES["a prepared cell"], CHANGES["a setting"]):
        change(paths)
    with pytest.raises(RefusedError, match=r"\(the delivered files, the prepared files, the settings\)"):
        sign_off.verified(paths)


def test_a_change_that_is_taken_back_leaves_it_standing(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    changed(paths.prepared / "plans.csv", "9900", "990")
    changed(paths.prepared / "plans.csv", "990", "9900")
    assert sign_off.verified(paths).signed_by == "Jane Doe"


def test_production_s_own_counts_do_not_void_it(paths):
    """They are written into the report that was signed."""
    sign_off.sign(paths, "Jane Doe", "Publisher")
    changed(
        paths.reports / "statistics.csv",
        "Objects,Customers,2,2,100.00,0.00,2,,",
        "Objects,Customers,2,2,100.00,0.00,2,2,",
    )
    assert sign_off.verified(paths).signed_by == "Jane Doe"


PASSWORD = {"customer.password": "letmein", "customer.common_metadata.password_encryption": "plain text"}
OPEN = {"CUS-PASSWORD-UNPROVEN": 1, "SUB-START-AFTER-END": 2}


@pytest.fixture(scope="module")
def asking(tmp_path_factory) -> ExtractPaths:
    """An extract with open questions by two rules, after its dry run."""
    late = {"subscription.start_date": "31/07/2028"}
    migration = migrate(
        Delivery([reader(1, PASSWORD, late), reader(2, late)]), tmp_path_factory.mktemp("asks"), EXTRACT
    )
    migration.staged()
    return migration.paths


@pytest.fixture
def unanswered(asking) -> ExtractPaths:
    """The same, not signed."""
    asking.sign_off.unlink(missing_ok=True)
    return asking


@pytest.mark.parametrize(
    ("accept", "left"),
    [
        ((), "CUS-PASSWORD-UNPROVEN: 1, SUB-START-AFTER-END: 2"),
        (("CUS-PASSWORD-UNPROVEN",), "SUB-START-AFTER-END: 2"),
    ],
)
def test_open_questions_are_listed_by_rule_and_not_signed_over(accept, left, unanswered):
    assert sign_off.open_questions(unanswered) == OPEN
    with pytest.raises(RefusedError) as refused:
        sign_off.sign(unanswered, "Jane O'Neill", "Publisher", accept)
    assert f"{EXTRACT} has open questions ({left})" in str(refused.value)
    command = re.search("`(.+)`", str(refused.value))[1]
    options = [option for rule in OPEN for option in ("--accept", rule)]
    assert shlex.split(command) == [
        *("pelcro-pipeline", "sign-off", EXTRACT, "--by", "Jane O'Neill", "--role", "Publisher"),
        *options,
    ]
    assert not unanswered.sign_off.exists()


def test_what_is_accepted_by_name_stands_in_the_sign_off_with_its_count(unanswered):
    signed = sign_off.sign(unanswered, "Jane Doe", "Publisher", ["sub-start-after-end", *OPEN])
    assert signed.accepted == OPEN
    document = tomllib.loads(unanswered.sign_off.read_text())
    assert document["accepted"] == OPEN
    assert document["state"]["judged_by"] == "2026-11-01"
    assert sign_off.verified(unanswered) == signed
    changed(unanswered.sign_off, "SUB-START-AFTER-END = 2", "SUB-START-AFTER-END = 1")
    with pytest.raises(RefusedError, match="has been altered since it was signed"):
        sign_off.verified(unanswered)


LONG = sign_off.waived("SUB-START-AFTER-END", "The dates are corrected on Friday.", "2999-12-31")


def test_a_waived_question_is_signed_with_why_and_until_when(unanswered):
    signed = sign_off.sign(unanswered, "Jane Doe", "Publisher", ["CUS-PASSWORD-UNPROVEN"], [LONG])
    assert signed.accepted == OPEN
    assert sign_off.verified(unanswered) == sign_off.read(unanswered) == signed
    assert signed.waivers == (LONG,)


def test_a_waiver_that_is_over_shuts_the_gate(unanswered, tmp_path):
    sign_off.sign(unanswered, "Jane Doe", "Publisher", ["CUS-PASSWORD-UNPROVEN"], [LONG])
    given = sign_off.history(unanswered)
    over = given.last.model_copy(update={"waivers": (LONG.model_copy(update={"until": ON_THE_DAY.date()}),)})
    sign_off._write(unanswered, (over,))
    with pytest.raises(RefusedError, match="the waiver of SUB-START-AFTER-END by Jane Doe ended on 2026-11-01"):
        sign_off.verified(unanswered)


@pytest.mark.parametrize(
    ("what", "why", "until", "told"),
    [
        ("SUB-START-AFTER-END", "", "2999-12-31", "needs a reason"),
        ("SUB-START-AFTER-END", "Later.", "2020-12-31", "ended on 2020-12-31: name a day that is to come"),
        ("SUB-START-AFTER-END", "Later.", "soon", "ends on 'soon', which is no day"),
        ("SUB-FAR", "Later.", "2999-12-31", "asks nothing by SUB-FAR"),
    ],
)
def test_a_waiver_that_cannot_be_used_is_one_sentence(what, why, until, told, unanswered):
    with pytest.raises(UnusableInputError, match=told):
        sign_off.sign(unanswered, "Jane Doe", "Publisher", [*OPEN], [sign_off.waived(what, why, until)])
    assert not unanswered.sign_off.exists()


def test_two_persons_sign_where_a_setting_asks(tmp_path):
    given = Delivery([reader(1)], settings=SETTINGS + "second_signature = true\n")
    migration = migrate(given, tmp_path, EXTRACT)
    migration.staged()
    paths = migration.paths
    sign_off.sign(paths, "Jane Doe", "Publisher")
    # Nobody is two persons.
    sign_off.sign(paths, "jane doe", "Editor")
    with pytest.raises(
        RefusedError, match=r"is signed by jane doe alone, and second_signature in extract\.toml asks for two"
    ):
        sign_off.verified(paths)
    signed = sign_off.sign(paths, "John Roe", "Head of subscriptions")
    assert (signed.signed_by, signed.second.signed_by) == ("jane doe", "John Roe")
    assert sign_off.verified(paths, signed.signature) == signed


@pytest.fixture(scope="module")
def thrice(staged, tmp_path_factory) -> Path:
    """A sign-off file in which three have signed, one after the other."""
    home = tmp_path_factory.mktemp("thrice")
    shutil.copytree(staged, home, dirs_exist_ok=True)
    paths = ExtractPaths(home, EXTRACT)
    for name in ("Ann Lee", "Bob Ng", "Cy Roy"):
        sign_off.sign(paths, name, "Publisher")
    return paths.sign_off


def test_a_sign_off_can_be_verified_wherever_it_is_sent(thrice, tmp_path):
    sent = Path(shutil.copy(thrice, tmp_path / "sent.toml"))
    given = sign_off.verify_file(sent)
    assert given.extract == EXTRACT
    assert [each.signed_by for each in given.sign_offs] == ["Ann Lee", "Bob Ng", "Cy Roy"]


def _reordered(document: dict) -> None:
    document["earlier"].reverse()


def _left_out(document: dict) -> None:
    del document["earlier"][0]


def _renamed(document: dict) -> None:
    document["earlier"][1]["signed_by"] = "Eve"


def _taken_for_the_last(document: dict) -> None:
    document["previous"] = ""
    del document["earlier"]


@pytest.mark.parametrize("tamper", [_reordered, _left_out, _renamed, _taken_for_the_last])
def test_a_history_that_was_tampered_with_shows(tamper, thrice, tmp_path):
    document = tomllib.loads(thrice.read_text())
    tamper(document)
    (tmp_path / "sent.toml").write_text(tomlkit.dumps(document))
    with pytest.raises(RefusedError, match="has been altered since it was signed"):
        sign_off.verify_file(tmp_path / "sent.toml")


@pytest.mark.parametrize(
    ("rule", "told"), [("SUB-FARR", r"'SUB-FARR' \(no rule\)"), ("ADR-ZIP", "ADR-ZIP"), ("", r"'' \(no rule\)")]
)
def test_what_asks_nothing_cannot_be_accepted(rule, told, unanswered):
    with pytest.raises(UnusableInputError, match=rf"asks nothing by {told}: .+ \(CUS-PASSWORD-UNPROVEN: 1, SUB"):
        sign_off.sign(unanswered, "Jane Doe", "Publisher", [*OPEN, rule])
    assert not unanswered.sign_off.exists()


def test_questions_that_were_taken_out_of_the_findings_cannot_be_signed_over(unanswered, tmp_path):
    stored = unanswered.analysis / "findings.parquet"
    kept = shutil.move(stored, tmp_path / "kept")
    duckdb.sql(f"SELECT * FROM read_parquet('{kept}') WHERE severity <> 'question'").write_parquet(str(stored))
    with pytest.raises(RefusedError, match="findings are not as they were made"):
        sign_off.sign(unanswered, "Jane Doe", "Publisher")
    shutil.move(kept, stored)


def test_where_nothing_is_asked_nothing_can_be_accepted(paths):
    with pytest.raises(UnusableInputError, match=r"asks nothing by ADR-ZIP: .+ \(none\)"):
        sign_off.sign(paths, "Jane Doe", "Publisher", ["ADR-ZIP"])


def test_the_day_judged_by_is_signed_though_all_else_is_the_same(tmp_path):
    delivery = Delivery([reader(1)], settings="taxes = false\n")
    migration = migrate(delivery, tmp_path, EXTRACT)
    migration.staged()
    paths = migration.paths
    signed = sign_off.sign(paths, "Jane Doe", "Publisher")
    changed(paths.manifest, f'"migration_date": "{signed.state.judged_by}"', '"migration_date": "2026-01-01"')
    with pytest.raises(RefusedError, match=r"\(the day that it was judged by\)"):
        sign_off.verified(paths)


def test_a_delivery_of_other_bytes_cannot_be_signed_whatever_its_size_and_time(paths):
    delivered = paths.delivered / "customers.csv"
    stat = delivered.stat()
    changed(delivered, "31/07/2027", "30/07/2027")
    os.utime(delivered, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert is_current(paths.manifest, paths.delivered)
    with pytest.raises(RefusedError, match="has changed since it was read: run it again"):
        sign_off.sign(paths, "Jane Doe", "Publisher")
    assert not paths.sign_off.exists()


def test_there_is_nothing_to_sign_before_the_dry_run(tmp_path):
    paths = ExtractPaths(tmp_path, EXTRACT)
    Delivery([reader(1)]).into(paths.delivered)
    with pytest.raises(RefusedError, match=r"has made no customers\.csv yet"):
        sign_off.sign(paths, "Jane Doe", "Publisher")
    assert not paths.sign_off.exists()


TAMPERED: dict[str, tuple[str, Callable[[ExtractPaths], None]]] = {
    "a prepared cell": (
        r"plans\.csv record 1 \(plan\.old_id P-Y\)",
        lambda paths: changed(paths.prepared / "plans.csv", "9900", "990"),
    ),
    "a count of the statistics": (
        r"statistics\.csv is not as it was counted",
        lambda paths: changed(paths.statistics, "Objects,Customers,2", "Objects,Customers,3"),
    ),
    "a cell of the staging database": (
        "the staging database does not hold the prepared files",
        lambda paths: altered(paths.database("staging"), """UPDATE plans SET "plan.amount" = 990"""),
    ),
    "a record less in the staging database": (
        "the staging database does not hold the prepared files",
        lambda paths: altered(paths.database("staging"), "DELETE FROM subscriptions WHERE record = 1"),
    ),
    "a column more in the staging database": (
        "the staging database does not hold the prepared files",
        lambda paths: altered(paths.database("staging"), "ALTER TABLE products ADD COLUMN note VARCHAR"),
    ),
    "the staging database's bytes": (
        "the staging database does not hold the prepared files",
        lambda paths: paths.database("staging").write_bytes(b"no database"),
    ),
}


def altered(path: Path, statement: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(("sentence", "tamper"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_tampered_with_cannot_be_signed(sentence, tamper, paths):
    tamper(paths)
    with pytest.raises(RefusedError, match=sentence):
        sign_off.sign(paths, "Jane Doe", "Publisher")
    assert not paths.sign_off.exists()


@pytest.mark.parametrize(("sentence", "tamper"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_tampered_with_after_the_sign_off_is_not_loaded(sentence, tamper, paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    tamper(paths)
    with pytest.raises(RefusedError, match=f"{sentence}|has changed since Jane Doe signed it"):
        sign_off.verified(paths)
        sign_off.staged(paths)


@pytest.mark.parametrize(
    ("old", "new"), [("Jane", "John"), ("Publisher", "Owner"), ("signed_on = ", 'signed_on = "x" # ')]
)
def test_an_edited_sign_off_is_none(old, new, paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    changed(paths.sign_off, old, new)
    with pytest.raises(RefusedError, match="has been altered since it was signed"):
        sign_off.verified(paths)


def test_a_sign_off_is_the_one_that_was_recorded(paths):
    recorded = sign_off.sign(paths, "Jane Doe", "Publisher").signature
    assert sign_off.verified(paths, recorded).signed_by == "Jane Doe"
    sign_off.sign(paths, "John Doe", "Nobody")
    with pytest.raises(RefusedError, match="is not the sign-off that was recorded"):
        sign_off.verified(paths, recorded)


@pytest.mark.parametrize(
    ("by", "role"), [("", "Publisher"), ("  ", "Publisher"), ("Jane", ""), ("Jane\nDoe", "Publisher")]
)
def test_a_sign_off_needs_a_person_and_a_role(by, role, paths):
    with pytest.raises(UnusableInputError, match="A sign-off needs a"):
        sign_off.sign(paths, by, role)


@pytest.mark.parametrize(
    "text", ["", "not TOML", 'signed_by = "Jane"\n', 'signed_by = "J"\nrole = "P"\nsigned_on = "x"\nstate = "x"\n']
)
def test_a_file_that_is_no_sign_off_is_refused(text, paths):
    paths.sign_off.parent.mkdir()
    paths.sign_off.write_text(text)
    with pytest.raises(RefusedError, match="is no sign-off any more"):
        sign_off.verified(paths)


def test_the_sign_off_of_another_extract_does_not_serve(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    other = ExtractPaths(paths.home, "other")
    for part in ("delivered", "prepared", "reports"):
        shutil.copytree(getattr(paths, part), getattr(other, part))
    with pytest.raises(RefusedError, match="other is not signed off"):
        sign_off.verified(other)


def test_a_purge_ends_it_and_keeps_who_signed(paths):
    signed = sign_off.sign(paths, "Jane Doe", "Publisher")
    original = paths.sign_off.read_text()
    ended = sign_off.end(paths)
    assert (ended.signed_by, ended.signed_on, ended.state) == (signed.signed_by, signed.signed_on, signed.state)
    assert sign_off.end(paths) == ended
    with pytest.raises(RefusedError, match=f"{EXTRACT} was purged on .+, which ended the sign-off of Jane Doe"):
        sign_off.verified(paths)
    # Put back from elsewhere, it is not the one that was recorded last.
    paths.sign_off.write_text(original)
    with pytest.raises(RefusedError, match="is not the sign-off that was recorded"):
        sign_off.verified(paths, ended.signature)
    assert sign_off.sign(paths, "Jane Doe", "Publisher").ended_on == ""
    assert sign_off.verified(paths)


@pytest.mark.parametrize("left", [None, "no sign-off"])
def test_a_purge_has_no_sign_off_to_end(left, paths):
    if left:
        paths.sign_off.parent.mkdir()
        paths.sign_off.write_text(left)
    assert sign_off.end(paths) is None
    assert paths.sign_off.exists() == (left is not None)


def test_progress_tells_of_what_is_purged(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    assert not is_purged(paths)
    sign_off.end(paths)
    purge(paths)
    assert is_purged(paths)
    assert purged(paths.home) == [EXTRACT]
    stands = progress.progress_of(paths, ON_THE_DAY)
    assert (stands.held_by, stands.signed_by) == ("purged", "no")
    assert "the sign-off of Jane Doe ended on" in stands.sentence


def test_progress_says_what_holds_an_extract(paths):
    assert "not signed off" in progress.progress_of(paths, ON_THE_DAY).held_by
    sign_off.sign(paths, "Jane Doe", "Publisher")
    assert progress.progress_of(paths, ON_THE_DAY).signed_by == "Jane Doe"
    assert progress.progress_of(paths, ON_THE_DAY).held_by == "load production"
    changed(paths.prepared / "plans.csv", "9900", "990")
    assert "the prepared files" in progress.progress_of(paths, ON_THE_DAY).sentence


def test_progress_tells_of_a_production_database_that_was_altered(paths):
    sign_off.sign(paths, "Jane Doe", "Publisher")
    database.load(sign_off.staged(paths), paths.database("production"))
    assert progress.progress_of(paths, ON_THE_DAY).held_by == "nothing"
    altered(paths.database("production"), "DELETE FROM subscriptions WHERE record = 1")
    assert "the production database is not as it was loaded" in progress.progress_of(paths, ON_THE_DAY).sentence
    produced(paths, None, ON_THE_DAY)
    assert progress.progress_of(paths, ON_THE_DAY).held_by == "nothing"
