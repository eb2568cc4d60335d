import io

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from hcvo.catalogue.models import Process
from hcvo.catalogue.publish import apply_views
from hcvo.catalogue.setup import migrate, setup_django
from hcvo.config import Settings
from hcvo.errors import CatalogueError
from hcvo.published.ddl import dc_last_update_sql
from hcvo.published.declaration import views
from tests.fixtures_catalogue import empty_tables
from tests.hcvo.catalogue import rows


def _plan(query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_models_and_migrations_agree(postgres_site: Settings) -> None:
    setup_django(postgres_site)
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()


def test_migrating_and_publishing_again_changes_nothing(catalogue: Settings) -> None:
    product = rows.family(**rows.PUBLIC)
    migrate(catalogue)
    applied = apply_views(catalogue)
    assert (applied.dropped, set(applied.views)) == ((), set(views()))
    product.refresh_from_db()
    assert product.s_region is not None
    assert product.s_region.vertices[2] == pytest.approx((10.001, -19.999))


def test_a_site_of_the_first_version_is_brought_up_to_date(catalogue: Settings) -> None:
    """Its view of targets hangs on columns that are gone since."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW hci.target")
        call_command("migrate", "catalogue", "0001", interactive=False, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE VIEW hci.target AS SELECT id AS target_id, main_name AS target_name"
                " FROM archive.target t WHERE t.release_time <= now()"
            )
    finally:
        migrate(catalogue)
        applied = apply_views(catalogue)
    assert applied.dropped == ()
    rows.family(**rows.PUBLIC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(object_names) FROM hci.target")
        assert cursor.fetchone() == (1,)


def test_a_view_with_other_columns_is_dropped_with_what_hangs_on_it(catalogue: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP VIEW hci.contrast")
        cursor.execute("CREATE VIEW hci.contrast AS SELECT 1 AS accref")
        cursor.execute("CREATE VIEW public.hanging AS SELECT * FROM hci.contrast")
    assert apply_views(catalogue).dropped == ("contrast",)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.hanging')")
        assert cursor.fetchone() == (None,)


def test_another_authority_goes_into_every_identifier(catalogue: Settings) -> None:
    rows.family(**rows.PUBLIC)
    other = catalogue.model_copy(
        update={"dachs": catalogue.dachs.model_copy(update={"authority": "org.hcvo.other"})}
    )
    try:
        apply_views(other)
        with connection.cursor() as cursor:
            cursor.execute("SELECT obs_publisher_did FROM hci.product")
            assert cursor.fetchone()[0].startswith("ivo://org.hcvo.other/~?2015-02-02/")
    finally:
        apply_views(catalogue)


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("q3c_radial_query(s_ra, s_dec, 10.0, -20.0, 0.1)", "product_q3c"),
        ("s_region && scircle '<(10d,-20d),0.1d>'", "product_s_region"),
        ("obs_publisher_did = 'ivo://org.hcvo.test/~?x'", "product_did"),
        ("em_min < CAST(1.6e-6 AS real)", "product_em_min"),
        ("obs_id = 'x'", "product_obs_id"),
        ("t_min > 57000", "product_t_min"),
        ("release_date > '2025-01-01'", "product_release_date"),
    ],
)
def test_searches_of_the_standards_use_an_index(catalogue: Settings, condition: str, index: str) -> None:
    apply_views(catalogue)
    with transaction.atomic():
        assert index in _plan(f"SELECT * FROM hci.product WHERE {condition}")


def test_the_last_update_is_found_by_indexes(catalogue: Settings) -> None:
    apply_views(catalogue)
    with transaction.atomic():
        plan = _plan(dc_last_update_sql())
    assert "product_release_date" in plan
    assert "process_pkey" in plan
    assert "Sort" not in plan


def test_process_ids_are_never_used_again(catalogue: Settings) -> None:
    del catalogue
    first = rows.family(**rows.PUBLIC).process
    number = first.pk
    empty_tables()
    rows.family(**rows.PUBLIC)
    assert Process.objects.get().pk > number


def test_a_database_that_is_not_there_is_said_in_words(postgres_site: Settings) -> None:
    database = postgres_site.database.model_copy(update={"port": 1})
    try:
        with pytest.raises(CatalogueError, match=r"(?s)port 1, does not answer.*hcvo site up"):
            setup_django(postgres_site.model_copy(update={"database": database}))
    finally:
        setup_django(postgres_site)
