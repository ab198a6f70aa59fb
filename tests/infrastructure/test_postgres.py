from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.infrastructure.postgres import Cluster


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_each_call_gives_a_database_of_its_own(bare_database_url):
    first, second = bare_database_url(), bare_database_url()
    with connect(first) as one, connect(second) as other:
        one.execute("CREATE TABLE only_here ()")
        assert other.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_a_copy_has_what_its_template_has(postgres: Cluster):
    template = postgres.create()
    with connect(postgres.url(template)) as connection:
        connection.execute("CREATE TABLE job (title text)")
    copy = postgres.create(template=template)
    with connect(postgres.url(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM job").fetchone() == (0,)
    postgres.drop(copy)
    postgres.drop(template)


def test_a_database_can_be_dropped_under_somebody_who_is_still_connected(postgres: Cluster):
    name = postgres.create()
    with connect(postgres.url(name)) as connection:
        postgres.drop(name)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_what_is_committed_is_on_disk(postgres: Cluster):
    with connect(postgres.url("postgres")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


@pytest.mark.process
def test_a_stopped_cluster_leaves_no_server():
    with TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), fsync=False)
        cluster.start()
        cluster.stop()
        with pytest.raises(psycopg.OperationalError):
            cluster.execute("SELECT 1")


@pytest.mark.process
def test_a_cluster_over_a_folder_that_was_kept_has_what_was_there():
    with TemporaryDirectory() as folder:
        first = Cluster(Path(folder), fsync=False)
        first.start()
        assert not first.has("kept")
        first.create("kept")
        first.stop()
        second = Cluster(Path(folder), fsync=False)
        second.start()
        assert second.has("kept")
        second.stop()
