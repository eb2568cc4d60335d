"""Polygons on the sky, their text form in pgSphere, and back."""

import math
import re
from dataclasses import dataclass

__all__ = ["SphericalPolygon"]

_PAIR = re.compile(r"\(\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*\)")


@dataclass(frozen=True, slots=True)
class SphericalPolygon:
    """A polygon of great-circle edges.

    Attributes
    ----------
    vertices : tuple[tuple[float, float], ...]
        (ra, dec) of each corner, ICRS degrees, at least three.
    """

    vertices: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.vertices) < 3:  # noqa: PLR2004 - the least a polygon has
            raise ValueError(f"a polygon has {len(self.vertices)} corners, wanted at least 3")

    def to_pgsphere(self) -> str:
        """Text that PostgreSQL casts to ``spoly``; degrees are marked, 15 digits."""
        return "{" + ",".join(f"({ra % 360.0:.15g}d,{dec:.15g}d)" for ra, dec in self.vertices) + "}"

    @classmethod
    def from_pgsphere(cls, text: str) -> "SphericalPolygon":
        """Read pgSphere's output.

        Parameters
        ----------
        text : str
            ``{(ra , dec),...}``, radians as pgSphere prints them, or degrees marked by ``d``.

        Returns
        -------
        SphericalPolygon
            The polygon, degrees.

        Notes
        -----
        ValueError if the text holds fewer than three corners.
        """
        return cls(tuple((_degrees(ra), _degrees(dec)) for ra, dec in _PAIR.findall(text)))


def _degrees(angle: str) -> float:
    return float(angle[:-1]) if angle.endswith("d") else math.degrees(float(angle))
