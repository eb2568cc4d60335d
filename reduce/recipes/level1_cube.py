"""A level 1 cube file, read once into values."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.errors import HeaderError, InputError, ReductionError
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductFacts
from reduce.kernels.psf_shape import star_place
from reduce.recipe import SourceFile

__all__ = ["ChannelFacts", "Level1Cube", "Systematics", "read_level1"]

_OFF_PX = 0.5  # of the PSF from its middle pixel, by which fitted places would be off too


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One row of the table CHANNELS: um, um, pixels, adu, adu; NaN = unknown."""

    name: str
    wavelength_um: float
    width_um: float
    fwhm_px: float
    star_flux: float
    star_flux_err: float


@dataclass(frozen=True, slots=True)
class Systematics:
    """Errors that no injection shows: star centre (mas), pixel scale (mas/px), true north (deg)."""

    centre_mas: float = 0.0
    pixel_scale_mas: float = 0.0
    true_north_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Level1Cube:
    """A level 1 cube; of its planes, those that were kept.

    Attributes
    ----------
    facts : ProductFacts
        Of its header.
    name : str
        File name, for provenance.
    cube : NDArray[np.float32]
        (channel, time, y, x) adu, star at n//2; NaN = no data.
    angles_deg : NDArray[np.float64]
        (time,) ANGLE + ICRS_ROTATION: derotates to ICRS north.
    psf : NDArray[np.float32]
        (channel, y, x) unit flux in the aperture of 1 FWHM.
    channels : tuple[ChannelFacts, ...]
        One a channel.
    systematics : Systematics
        From the cards CENTRERR, PIXSCERR, NORTHERR; 0 where absent.
    mask_mas : float
        Radius of the coronagraph's mask, from MASKRAD; 0 where absent.
    joined : tuple[ChannelFacts, ...]
        The channels, where `channels` is all of them as one: see `joint_cube`.
    spectrum : tuple[float, ...]
        Contrast of a companion in each of `joined`; empty is the same in all.
    beside : tuple[str, ...]
        Names of other files that its reduction uses, for provenance.
    smear_deg : NDArray[np.float64] | None
        (time,) SMEAR: by how much the field turned within each frame; None where the table does not say.
    empty : int
        Planes left out because they hold no number in some channel.
    dead : tuple[str, ...]
        Names of channels left out because each holds one same value at most: a channel that saw nothing.
    """

    facts: ProductFacts
    name: str
    cube: NDArray[np.float32]
    angles_deg: NDArray[np.float64]
    psf: NDArray[np.float32]
    channels: tuple[ChannelFacts, ...]
    systematics: Systematics
    mask_mas: float = 0.0
    joined: tuple[ChannelFacts, ...] = ()
    spectrum: tuple[float, ...] = ()
    beside: tuple[str, ...] = ()
    smear_deg: NDArray[np.float64] | None = None
    empty: int = 0
    dead: tuple[str, ...] = ()

    @property
    def scale_mas(self) -> float:
        """Size of a pixel, mas."""
        return float(self.facts.pixel_scale_mas or np.nan)


def read_level1(source: SourceFile) -> Level1Cube:
    """Read and check a level 1 cube.

    Parameters
    ----------
    source : SourceFile
        A product of kind 'cube'.

    Returns
    -------
    Level1Cube
        In memory, without the planes that FRAMES says are not KEPT, and without channels that saw nothing.

    Raises
    ------
    InputError
        If it is not such a file; a ReductionError if its arrays do not fit each other.
    """
    try:
        with fits.open(source.path, memmap=False) as hdus:
            kept = _kept(hdus, source.name)
            level1 = Level1Cube(
                facts=read_product_facts(hdus[0].header),
                name=source.name,
                cube=_planes(hdus[0], kept),
                angles_deg=_angles(hdus["DEROTATION"].data)[kept],
                psf=np.asarray(hdus["PSF"].data, np.float32),
                channels=tuple(_channel(row) for row in hdus["CHANNELS"].data),
                systematics=_systematics(hdus[0].header),
                mask_mas=float(hdus[0].header.get("MASKRAD", 0.0)),
                smear_deg=_smear(hdus["DEROTATION"].data, kept),
            )
    except (OSError, KeyError, HeaderError) as error:
        raise InputError(
            f"{source.path}: not a level 1 cube of hcvo, wanted a cube with the extensions "
            f"DEROTATION, CHANNELS and PSF ({error})"
        ) from error
    _check(level1)
    return _without_empty(_without_dead(level1))


def _without_dead(level1: Level1Cube) -> Level1Cube:
    """Without the channels that hold no number or the same one everywhere: no noise, so no weight."""
    there = [any(_varies(frame) for frame in channel) for channel in level1.cube]
    if all(there):
        return level1
    dead = tuple(row.name for row, alive in zip(level1.channels, there, strict=True) if not alive)
    if not any(there):
        raise ReductionError(
            f"{level1.name}: no channel ({', '.join(dead)}) holds anything but one same value or none, "
            "wanted images of a star; make the cube anew"
        )
    return replace(
        level1,
        cube=level1.cube[there],
        psf=level1.psf[there],
        channels=tuple(row for row, alive in zip(level1.channels, there, strict=True) if alive),
        dead=dead,
    )


def _varies(frame: NDArray[np.float32]) -> bool:
    values = frame[np.isfinite(frame)]
    return bool(values.size) and bool(values.min() < values.max())


def _without_empty(level1: Level1Cube) -> Level1Cube:
    """Without the frames that hold no number in some channel: they tell nothing and count as frames."""
    there = np.array([all(np.isfinite(c[t]).any() for c in level1.cube) for t in range(level1.cube.shape[1])])
    if there.all():
        return level1
    if not there.any():
        raise ReductionError(f"{level1.name}: none of {there.size} frames holds a number in every channel")
    return replace(
        level1,
        cube=level1.cube[:, there],
        angles_deg=level1.angles_deg[there],
        smear_deg=None if level1.smear_deg is None else level1.smear_deg[there],
        empty=int((~there).sum()),
    )


def _kept(hdus: fits.HDUList, name: str) -> NDArray[np.intp] | slice:
    """Planes to use; cubes reduced elsewhere have no FRAMES and give all."""
    if "FRAMES" not in hdus:
        return slice(None)
    verdict = np.asarray(hdus["FRAMES"].data["KEPT"], bool)
    if verdict.size != len(hdus["DEROTATION"].data):
        raise ReductionError(
            f"{name}: FRAMES has {verdict.size} rows, wanted {len(hdus['DEROTATION'].data)} as in DEROTATION"
        )
    if not verdict.any():
        raise ReductionError(
            f"{name}: none of {verdict.size} planes was kept, wanted some; FRAMES says why, "
            "ird_level1 takes other limits in its parameter frames"
        )
    return np.flatnonzero(verdict)


def _planes(hdu: fits.PrimaryHDU, kept: NDArray[np.intp] | slice) -> NDArray[np.float32]:
    """(channel, time, y, x) of the planes kept, read frame by frame; `_check` looks at other shapes."""
    if len(hdu.shape) != 4:  # noqa: PLR2004 - axes of a cube
        return np.asarray(hdu.data, np.float32)
    channels, frames, *side = hdu.shape
    used = np.arange(frames)[kept]
    planes = np.empty((channels, len(used), *side), np.float32)
    for c, n in np.ndindex(channels, len(used)):
        planes[c, n] = hdu.section[c, int(used[n])]
    return planes


def _angles(table: fits.FITS_rec) -> NDArray[np.float64]:
    return np.asarray(table["ANGLE"], np.float64) + np.asarray(table["ICRS_ROTATION"], np.float64)


def _smear(table: fits.FITS_rec, kept: NDArray[np.intp] | slice) -> NDArray[np.float64] | None:
    """Turn of the field within each frame, 0 where one is unknown; None where the table does not say."""
    if "SMEAR" not in table.names:
        return None
    smear = np.asarray(table["SMEAR"], np.float64)[kept]
    return np.where(np.isfinite(smear), smear, 0.0) if np.isfinite(smear).any() else None


def _channel(row: fits.FITS_record) -> ChannelFacts:
    numbers = [float(row[n]) for n in ("WAVELENGTH", "WIDTH", "FWHM", "STAR_FLUX", "STAR_FLUX_ERR")]
    return ChannelFacts(str(row["NAME"]), *numbers)


def _systematics(header: fits.Header) -> Systematics:
    return Systematics(*(float(header.get(k, 0.0)) for k in ("CENTRERR", "PIXSCERR", "NORTHERR")))


def _check(level1: Level1Cube) -> None:
    name, cube = level1.name, level1.cube
    if cube.ndim != 4 or cube.shape[2] != cube.shape[3] or cube.shape[3] % 2 == 0:  # noqa: PLR2004 - axes of a cube, parity
        raise ReductionError(f"{name}: cube is {cube.shape}, wanted (channel, time, n, n) with n odd")
    if len(level1.angles_deg) != cube.shape[1] or not np.isfinite(level1.angles_deg).all():
        raise ReductionError(
            f"{name}: {len(level1.angles_deg)} derotation angles, "
            f"{int(np.isfinite(level1.angles_deg).sum())} finite; wanted {cube.shape[1]}, one a frame"
        )
    if len(level1.channels) != len(cube) or len(level1.psf) != len(cube):
        raise ReductionError(
            f"{name}: {len(level1.channels)} rows in CHANNELS and {len(level1.psf)} PSFs, wanted {len(cube)}"
        )
    if not np.isfinite(level1.scale_mas) or level1.facts.ra_deg is None or level1.facts.dec_deg is None:
        raise ReductionError(f"{name}: PIXSCALE, RA and DEC must all be in the header")
    for channel in level1.channels:
        if not channel.fwhm_px > 1:
            raise ReductionError(
                f"{name}: FWHM of channel {channel.name} is {channel.fwhm_px} px, wanted more than 1"
            )
    for channel, psf in zip(level1.channels, level1.psf, strict=True):
        _check_psf(name, channel, psf)


def _check_psf(name: str, channel: ChannelFacts, psf: NDArray[np.float32]) -> None:
    """Refuse a PSF that injections would put beside their places."""
    if psf.shape[0] != psf.shape[1] or psf.shape[0] % 2 == 0 or not np.isfinite(psf).all():
        raise ReductionError(
            f"{name}: PSF of channel {channel.name} is {psf.shape} with {int((~np.isfinite(psf)).sum())} "
            "gaps, wanted an odd square without"
        )
    x, y = star_place(psf, channel.fwhm_px)
    middle = psf.shape[0] // 2
    if not np.hypot(x - middle, y - middle) <= _OFF_PX:
        raise ReductionError(
            f"{name}: PSF of channel {channel.name} stands at ({x:.2f}, {y:.2f}), wanted within {_OFF_PX} px "
            f"of its middle pixel ({middle}, {middle}); make the PSF anew"
        )
