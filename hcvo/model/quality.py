"""Quality of a pixel of a reduced cube: bits, declared once for reduction, catalogue and readers."""

from enum import IntFlag

__all__ = ["Quality"]


class Quality(IntFlag):
    """Bits of the extension QUALITY; 0 = a measured value.

    A filled value is what the neighbours say under the instrument's resolution: fit for display and
    for resampling, no measurement.
    """

    BAD = 1  # the detector's pixel is bad; filled from its neighbours
    COSMIC = 2  # hit in this plane; filled from its neighbours
    SATURATED = 4  # beyond the detector's linear range; kept as read
    NO_DATA = 8  # sees no light, or lies outside the detector; no value
