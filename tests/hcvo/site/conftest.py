"""A small archive on a live site."""

import pytest

from hcvo.config import Settings
from tests.hcvo.site.archive import Planted, plant


@pytest.fixture(scope="session")
def planted(live_site: Settings) -> Planted:
    """Products, one of them not yet public, in the live site's archive."""
    return plant(live_site)
