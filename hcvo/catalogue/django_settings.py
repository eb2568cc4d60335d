"""Django's settings that no site changes; `hcvo.catalogue.setup` says which database.

Read by itself by the type checker's Django plugin and by
``django-admin makemigrations --settings hcvo.catalogue.django_settings``.
"""

DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
INSTALLED_APPS = ["hcvo.catalogue"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
