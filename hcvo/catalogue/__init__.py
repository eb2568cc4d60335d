"""Django app that owns the schema `archive`.

Importing it gives Django the settings no site changes, so that models can be
imported anywhere; `hcvo.catalogue.setup.setup_django` names the database.
"""

import os

import django
from django.conf import settings

from hcvo.catalogue import django_settings

if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
    settings.configure(
        DATABASES=django_settings.DATABASES,
        INSTALLED_APPS=django_settings.INSTALLED_APPS,
        USE_TZ=django_settings.USE_TZ,
        TIME_ZONE=django_settings.TIME_ZONE,
        DEFAULT_AUTO_FIELD=django_settings.DEFAULT_AUTO_FIELD,
    )
    django.setup()
