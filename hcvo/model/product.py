"""What hcvo says of a product file; the header carries it, the catalogue reads it back."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ProductFacts", "ProductKind"]


_SUFFIXES = {"ecsv": ".ecsv", "votable": ".vot"}
_MIMES = {".html": "text/html", ".ecsv": "text/csv", ".vot": "application/x-votable+xml"}


class ProductKind(StrEnum):
    """What a product file holds; the value stands in file names and in the catalogue."""

    DARK = "dark"  # master dark or background, with noise and bad pixels
    FLAT = "flat"  # master flat, with bad pixels
    CENTRES = "centres"  # star centre per CENTER frame and channel, a table
    PSF = "psf"  # off-axis PSF per channel, unit flux in 1 FWHM
    CUBE = "cube"  # level 1: (channel, time, y, x) with its tables
    PIXELS = "pixels"  # level 1 before resampling: calibrated planes in raw pixels, with their tables
    QUALITY = "quality"  # the page of a cube's quality, HTML with the cards in it
    RESIDUAL = "residual"  # level 2: (channel, y, x), star subtracted, north up
    IMAGE = "image"  # level 2: stack of the residual over channels
    SNR = "snr"  # t statistic of Mawet et al. 2014, eq. 9, (channel + combined, y, x)
    SIGNIFICANCE = "significance"  # its Gaussian equivalent
    CORRECTED = "corrected"  # level 2: residual per channel and stack over the throughput at each separation
    CONTRAST = "contrast"  # 5 sigma contrast curve per channel, a table
    CONTRAST_ECSV = "contrast-ecsv"  # the same as text
    CONTRAST_VOTABLE = "contrast-votable"  # the same for the Virtual Observatory
    CANDIDATES = "candidates"  # detections with errors, a table
    CANDIDATES_ECSV = "candidates-ecsv"  # the same as text
    CANDIDATES_VOTABLE = "candidates-votable"  # the same for the Virtual Observatory

    @property
    def suffix(self) -> str:
        """Of a file of this kind."""
        if self is ProductKind.QUALITY:
            return ".html"
        return _SUFFIXES.get(self.value.rpartition("-")[2], ".fits")

    @property
    def mime(self) -> str:
        """Media type of a file of this kind that is no FITS file; '' for one that is."""
        return _MIMES.get(self.suffix, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """Facts of one product file, in the order of its header cards.

    Attributes
    ----------
    kind : ProductKind
        What the file holds.
    level : int
        ObsCore calib_level: 1 calibrated calibration frame, 2 level 1 cube, 3 level 2 product.
    arm : str
        'IRDIS'; '' where the instrument has no arms.
    instrument, telescope : str
        ``INSTRUME``, ``TELESCOP``.
    algorithm : str
        'cadi', 'pca'; 'calib' below level 2, e.g. for darks; 'l1' for the cube and PSF.
    filter : str
        ``FILTER``, e.g. 'DB_H23'.
    obs_id : str
        ``SPHERE.<ARM>.<OB id>.<start>``; for calibrations ``SPHERE.<ARM>.CALIB.<start>``.
    target_name : str
        The PI's name of the target; '' for calibrations.
    ra_deg, dec_deg : float | None
        Star at the epoch of observation, ICRS; None for calibrations.
    programme : str
        ``PROG_ID``.
    ob_id : int | None
        ``OBID1``.
    night : str
        ISO date at which the night began.
    mjd_start, mjd_end : float
        Start of the first and end of the last exposure used, UTC.
    exptime_s : float
        Total integration of the frames kept, s.
    dit_s : float
        Integration time of one frame, s.
    ncombine : int
        Number of raw science files combined.
    wavelength_min_nm, wavelength_max_nm : float | None
        Edges of the bands covered.
    pixel_scale_mas : float | None
        After distortion correction, mas per pixel.
    fwhm_mas : float | None
        Resolution.
    coronagraph, derotator_mode, technique : str
        ``INS COMB ICOR``, ``INS4 DROT2 MODE``, ``DPR TECH`` of the science frames.
    field_rotation_deg : float | None
        Range of the derotation vector.
    match_level : int
        Worst match level of the calibrations used: 0 calibration plan ... 3 risk.
    process_id : int
        The process that made the file.
    recipe, recipe_version : str
        What ran.
    provenance : tuple[str, ...]
        Immediate precursors: raw dp_ids (no suffix) or product file names (with suffix).
    axes : str
        Axis order, slowest first: 'channel,time,y,x'.
    unit : str
        ``BUNIT``.
    """

    kind: ProductKind
    level: int
    instrument: str
    telescope: str
    arm: str
    algorithm: str
    filter: str
    obs_id: str
    target_name: str
    ra_deg: float | None
    dec_deg: float | None
    programme: str
    ob_id: int | None
    night: str
    mjd_start: float
    mjd_end: float
    exptime_s: float
    dit_s: float
    ncombine: int
    wavelength_min_nm: float | None
    wavelength_max_nm: float | None
    pixel_scale_mas: float | None
    fwhm_mas: float | None
    coronagraph: str
    derotator_mode: str
    technique: str
    field_rotation_deg: float | None
    match_level: int
    process_id: int
    recipe: str
    recipe_version: str
    provenance: tuple[str, ...]
    axes: str
    unit: str
