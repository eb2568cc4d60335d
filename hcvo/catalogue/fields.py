"""Column types that Django does not bring: single precision, pgSphere polygons."""

from typing import TYPE_CHECKING, Any

from django.db import models

from hcvo.model.sphere import SphericalPolygon

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Float = models.FloatField[float | None, float | None]
    _Field = models.Field[SphericalPolygon | None, SphericalPolygon | None]
else:
    _Float, _Field = models.FloatField, models.Field

__all__ = ["PolygonField", "RealField"]


class RealField(_Float):
    """A float of four bytes: ivoa.obscore casts some columns to real, and an index must match."""

    def db_type(self, connection: "BaseDatabaseWrapper") -> str:
        """PostgreSQL's ``real``."""
        del connection
        return "real"


class PolygonField(_Field):
    """A `SphericalPolygon` kept as pgSphere's ``spoly``, through its text form."""

    def db_type(self, connection: "BaseDatabaseWrapper") -> str:
        """PgSphere's ``spoly``."""
        del connection
        return "spoly"

    def get_placeholder(self, value: Any, compiler: Any, connection: "BaseDatabaseWrapper") -> str:  # noqa: ANN401 - Django gives any value
        """Cast the text: pgSphere has no constructor from numbers here."""
        del value, compiler, connection
        return "%s::spoly"

    def get_prep_value(self, value: SphericalPolygon | None) -> str | None:
        """Polygon to text."""
        return None if value is None else value.to_pgsphere()

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:  # noqa: ANN401 - a class known at run time only
        """Text to polygon."""
        del expression, connection
        return None if value is None else SphericalPolygon.from_pgsphere(value)
