"""What is told of targets, programmes, recipes and releases follows from public rows alone."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection

from hcvo.catalogue.models import Programme, Target
from hcvo.catalogue.publish import apply_views
from hcvo.config import Settings
from tests.hcvo.catalogue import rows

EMBARGOED = rows.rights(datetime(2999, 1, 1, tzinfo=UTC))


def _ask(query: str, *values: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _flag(target: Target) -> str:
    ((flag,),) = _ask("SELECT flag FROM hci.target WHERE target_id = %s", target.pk)
    return str(flag)


def _two_places(**guard: Any) -> Target:  # noqa: ANN401 - rights, passed on
    """A public star, and its name again at another place with rights of its own."""
    public = rows.family(**rows.PUBLIC).target
    other = rows.family(**guard).target
    assert public is not None
    assert other is not None
    text = "the same unknown name stands for another place too"
    Target.objects.filter(pk=other.pk).update(main_name=public.main_name, dec=30.0, flag=text)
    Target.objects.filter(pk=public.pk).update(flag=text)
    return public


def test_a_flag_does_not_tell_that_a_private_observation_uses_the_name(catalogue: Settings) -> None:
    apply_views(catalogue)
    assert _flag(_two_places(**EMBARGOED)) == "name unknown"
    assert _flag(_two_places(**rows.PUBLIC)) == "name at two places"


def test_a_name_that_leads_elsewhere_and_one_that_is_sound(catalogue: Settings) -> None:
    apply_views(catalogue)
    target = rows.family(**rows.PUBLIC).target
    assert target is not None
    for source, offset, flag, told in (
        ("pointing", 144.0, "name leads elsewhere", 144.0),
        ("simbad", 3.0, "", None),
    ):
        Target.objects.filter(pk=target.pk).update(source=source, pointing_offset=offset, flag="PI's secret")
        assert _flag(target) == flag
        assert _ask("SELECT pointing_offset FROM hci.target") == [(told,)]


def test_each_fact_has_its_reference(catalogue: Settings) -> None:
    apply_views(catalogue)
    target = rows.family(**rows.PUBLIC).target
    assert target is not None
    Target.objects.filter(pk=target.pk).update(
        mag_h=5.5, sp_type="A6V", age=23.0, references={"mag_h": "one", "age": "two", "position": "three"}
    )
    asked = "mag_h, mag_h_ref, age, age_ref, sp_type, sp_type_ref, position_ref, mag_b, rv"
    assert _ask(f"SELECT {asked} FROM hci.target") == [
        (5.5, "one", 23.0, "two", "A6V", None, "three", None, None)
    ]


def test_names_are_the_catalogues_and_those_of_public_observations(catalogue: Settings) -> None:
    apply_views(catalogue)
    public, private = rows.family(**rows.PUBLIC), rows.family(**EMBARGOED)
    target, secret = public.target, private.observation
    assert target is not None
    assert secret is not None
    Target.objects.filter(pk=target.pk).update(source="simbad", main_name="HD 1", names=["HD 1", "HIP 422"])
    secret.target, secret.object_name = target, "secret name"
    secret.save()
    wanted = [("HD 1", "simbad"), ("HIP 422", "simbad"), ("PI's name", "observer")]
    assert _ask("SELECT name, source FROM hci.target_name ORDER BY name") == wanted
    assert _ask("SELECT DISTINCT target_id FROM hci.target_name") == [(target.pk,)]


def test_programmes_recipes_and_releases_of_public_rows_only(catalogue: Settings) -> None:
    apply_views(catalogue)
    for name, guard in (("open", rows.PUBLIC), ("closed", EMBARGOED)):
        product = rows.family(**guard)
        assert product.observation is not None
        product.observation.programme = Programme.objects.create(programme=name, title="t", pi="p")
        product.observation.save()
        product.process.version = name
        product.process.save()
    assert _ask("SELECT proposal_id, title, pi, n_observations FROM hci.programme") == [("open", "t", "p", 1)]
    assert _ask("SELECT recipe, version, runs FROM hci.recipe") == [("pca", "open", 1)]
    ((day, count),) = _ask("SELECT release_day, n_observations FROM hci.data_release")
    ((observed,),) = _ask("SELECT release_day FROM hci.observation")
    assert (day, count) == (observed, 1)
