"""The workspace's Dagster instance: quiet, private, and the one that is named where there is one."""

from __future__ import annotations

import stat

import pytest
import yaml

from pelcro_pipeline.workspace import instance


@pytest.fixture(autouse=True)
def unnamed(monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_a_workspace_s_instance_says_nothing_to_anybody(tmp_path):
    folder = instance.prepare(tmp_path)
    configuration = yaml.safe_load((folder / "dagster.yaml").read_text())
    assert folder == tmp_path / "dagster"
    assert not configuration["telemetry"]["enabled"]
    assert not configuration["nux"]["enabled"]
    assert stat.S_IMODE((folder / "dagster.yaml").stat().st_mode) == 0o600


def test_a_configuration_that_stands_there_is_left_alone(tmp_path):
    (instance.prepare(tmp_path) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert (instance.prepare(tmp_path) / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_an_instance_that_is_named_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "named"))
    assert instance.prepare(tmp_path) == tmp_path / "dagster"
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "dagster.yaml").touch()
    assert instance.prepare(tmp_path) == tmp_path / "named"
