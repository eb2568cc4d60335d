"""A small archive on a live site."""

import pytest

from hcvo.catalogue.setup import setup_django
from hcvo.config import Settings
from tests.hcvo.site.archive import Planted, plant


@pytest.fixture(scope="session")
def planted_once(live_site: Settings) -> Planted:
    """Products, one of them not yet public, in the live site's archive."""
    return plant(live_site)


@pytest.fixture(scope="module")
def planted(planted_once: Planted) -> Planted:
    """Likewise; Django's models are this archive's again, whatever other modules did with them."""
    setup_django(planted_once.settings)
    return planted_once
