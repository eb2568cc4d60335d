"""An empty catalogue on a real PostgreSQL, and an empty store."""

import shutil

import pytest
from django.db import connection

from hcvo.catalogue.setup import setup_django
from hcvo.config import Resolver, Settings

_TABLES = (
    "ao_condition, contrast, detection, process_input, product, process, raw_frame, observation, "
    "programme, target"
)


@pytest.fixture
def catalogue(postgres_site: Settings) -> Settings:
    """Settings of a site whose tables, store and staging folder are empty; names are resolved off line."""
    settings = postgres_site.model_copy(update={"resolver": Resolver(online=False)})
    setup_django(settings)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLES}")
    for folder in (settings.store, settings.staging):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return settings
