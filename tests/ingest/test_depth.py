from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from hcvo.catalogue.models import Contrast, Process, ProcessInput, Product, SciencePlane
from hcvo.catalogue.publish import apply_views
from hcvo.config import Settings
from ingest.depth import depth_at, note_depth
from tests.hcvo.catalogue import rows


def _product() -> Product:
    product = rows.family(**rows.PUBLIC)
    Contrast.objects.filter(product=product).delete()
    SciencePlane.objects.filter(product=product).delete()
    return product


def _curve(product: Product, channel: int, points: dict[float, float | None], nsigma: float = 5.0) -> None:
    for sep, contrast in points.items():
        Contrast.objects.create(
            product=product, channel=channel, sep_mas=sep, contrast=contrast, nsigma=nsigma,
            small_sample=True, throughput_corr=True, coronagraph_corr=False, **rows.PUBLIC,
        )  # fmt: skip


def _plane(product: Product, number: int, *, kept: bool, **values: float | None) -> None:
    SciencePlane.objects.create(
        product=product,
        number=number,
        dp_id="x",
        plane=number,
        t_mid=57056.2,
        kept=kept,
        **values,
        **rows.PUBLIC,
    )


def _noted(product: Product, others: tuple[Product, ...] = ()) -> tuple[Any, ...]:
    note_depth(product.process, [product, *others])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contrast_0p1, contrast_0p2, contrast_0p5, contrast_1p0, seeing, tau0, strehl"
            " FROM hci.product WHERE accref = %s",
            [(others[-1] if others else product).accref],
        )
        (row,) = cursor.fetchall()
    return tuple(row)


@given(slope=st.floats(-8, 8), sep=st.floats(100, 1000))
def test_a_curve_straight_in_its_logarithm_is_met_exactly(slope: float, sep: float) -> None:
    curve = [(at, 10 ** (-5 + slope * at / 1000)) for at in (1000.0, 100.0, 400.0)]
    assert depth_at(curve, sep) == pytest.approx(10 ** (-5 + slope * sep / 1000), rel=1e-9)


@pytest.mark.parametrize("sep", [99.0, 1001.0])
def test_a_limit_is_not_extrapolated(sep: float) -> None:
    assert depth_at([(100.0, 1e-4), (1000.0, 1e-6)], sep) is None
    assert depth_at([], sep) is None


def test_the_combined_channels_count_where_they_are(catalogue: Settings) -> None:
    apply_views(catalogue)
    product = _product()
    _curve(product, 0, {150.0: 1e-7, 1000.0: 1e-7})
    _curve(product, -1, {150.0: 1e-4, 250.0: 1e-4, 500.0: 1e-5, 900.0: 1e-6})
    _curve(product, -1, {1.0: 1e-9}, nsigma=3.0)
    assert _noted(product) == (None, pytest.approx(1e-4), pytest.approx(1e-5), None, None, None, None)


def test_else_the_best_channel_counts_and_unknown_limits_do_not(catalogue: Settings) -> None:
    apply_views(catalogue)
    product = _product()
    _curve(product, 0, {100.0: None, 200.0: 1e-4, 1000.0: 1e-6})
    _curve(product, 1, {200.0: 1e-5, 1000.0: 1e-5})
    found = _noted(product)
    assert found[0] is None
    assert found[1:4] == pytest.approx((1e-5, 10**-5, 1e-6))


def test_all_products_of_the_process_have_it(catalogue: Settings) -> None:
    """The image is found by the depth of the curve beside it."""
    apply_views(catalogue)
    curve, image = _product(), _product()
    _curve(curve, 0, {100.0: 1e-4, 1000.0: 1e-4})
    assert _noted(curve, (image,))[:4] == pytest.approx((1e-4,) * 4)


def test_the_atmosphere_is_that_of_the_planes_kept(catalogue: Settings) -> None:
    apply_views(catalogue)
    cube = _product()
    _plane(cube, 0, kept=True, seeing=0.5, tau0=0.004, strehl=0.75)
    _plane(cube, 1, kept=True, seeing=1.0, tau0=0.008, strehl=None)
    _plane(cube, 2, kept=False, seeing=9.0, tau0=9.0, strehl=0.1)
    wanted = (None, None, None, None, pytest.approx(0.75), pytest.approx(0.006), pytest.approx(0.75))
    assert _noted(cube) == wanted
    image = _product()
    process: Process = image.process
    ProcessInput.objects.create(
        process=process, role="cube2", name="y", sha256="0" * 64, product=cube, **rows.PUBLIC
    )
    assert _noted(image) == wanted
