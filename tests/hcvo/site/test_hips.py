"""The finding layer: made of public S/N maps only, valid, and delivered."""

import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from mocpy import MOC

from hcvo.catalogue.models import Product
from hcvo.headers.wcs import celestial_header
from hcvo.site import hips
from tests.hcvo.site.archive import DEC, RA, Planted
from tests.hcvo.site.test_services import get_url

_RA, _DEC = (RA + 90) % 360, -DEC
"""Of the map that is private at first."""


@pytest.fixture(scope="module")
def maps(planted: Planted) -> Iterator[tuple[Product, Product]]:
    """A public S/N map and a private one elsewhere."""
    made = []
    given = Product.objects.get(accref=planted.accref("snr"))
    for name, ra, dec, release in (
        ("shown", RA, DEC, datetime(2020, 1, 1, tzinfo=UTC)),
        ("secret", _RA, _DEC, datetime.now(UTC) + timedelta(days=3650)),
    ):
        path = planted.settings.store / f"{name}-map.fits"
        pixels = np.zeros((2, 41, 41), np.float32)
        pixels[-1, 20, 20] = 9
        header = celestial_header(41, 12.25, ra, dec)
        fits.PrimaryHDU(pixels, header).writeto(path)
        given.pk, given.accref, given.name, given.obs_id = None, path.name, path.name, name
        given.s_ra, given.s_dec, given.release_time = ra, dec, release
        given.save()
        made.append(Product.objects.get(pk=given.pk))
    yield made[0], made[1]
    for product in made:
        (planted.settings.store / product.accref).unlink()
        product.delete()


def covered(planted: Planted, ra: float, dec: float) -> bool:
    """Whether the delivered HiPS has something there, by its MOC."""
    path = planted.settings.state / "hips-moc.fits"
    path.write_bytes(get_url(f"{planted.settings.base_url}/{hips.ADDRESS}/Moc.fits"))
    return bool(MOC.from_fits(path).contains_lonlat(Longitude([ra] * u.deg), Latitude([dec] * u.deg))[0])


def test_the_layer_holds_what_is_public(planted: Planted, maps: tuple[Product, Product]) -> None:
    address, place = f"{planted.settings.base_url}/{hips.ADDRESS}", planted.settings.dachs_root / "hips"
    shown, secret = maps
    Product.objects.filter(kind="snr").exclude(pk__in=[shown.pk, secret.pk]).update(withdrawn=True)
    try:
        assert hips.build(planted.settings).maps == 1
        assert covered(planted, RA, DEC)
        assert not covered(planted, _RA, _DEC)
        assert hips.findings(place) == []
        told = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
        assert not [word for word in (b"secret", b"shown", b"/tmp/") if word in told]
        properties = get_url(f"{address}/properties").decode()
        assert f"hips_service_url     = {address}\n" in properties
        assert get_url(f"{address}/Norder3/Allsky.png").startswith(b"\x89PNG")
        Product.objects.filter(pk=secret.pk).update(release_time=datetime(2020, 1, 1, tzinfo=UTC))
        Product.objects.filter(pk=shown.pk).update(withdrawn=True)
        assert hips.build(planted.settings).maps == 1
        assert covered(planted, _RA, _DEC)
        assert not covered(planted, RA, DEC)
        Product.objects.filter(pk=secret.pk).update(withdrawn=True)
        assert hips.build(planted.settings) == hips.Built(0, 0)
    finally:
        Product.objects.filter(kind="snr").update(withdrawn=False)
    with pytest.raises(urllib.error.HTTPError) as refused:
        get_url(f"{address}/properties")
    assert refused.value.code == 404
    refused.value.close()
