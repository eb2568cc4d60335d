"""Product files as recipes write them: header from facts, tables and images after it, checksums in each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from matplotlib import image as png
from numpy.typing import NDArray

from hcvo.errors import InputError
from hcvo.headers.page import product_cards
from hcvo.headers.product import product_header, read_product_facts
from hcvo.model.product import ProductFacts

__all__ = ["Column", "image_hdu", "read_facts", "table_hdu", "write_preview", "write_product"]

_PREVIEW_PX = 1024

Column = tuple[str, str, str, Sequence[object] | NDArray[np.generic]]
"""Name, FITS format ('E', 'D', 'J', '29A'), unit ('' for none), values."""


def write_product(
    path: Path,
    facts: ProductFacts,
    data: NDArray[np.generic] | None,
    extensions: Sequence[fits.ImageHDU | fits.BinTableHDU] = (),
    cards: Mapping[str, tuple[object, str]] | None = None,
) -> None:
    """Write one product file.

    Parameters
    ----------
    path : Path
        Where: `Job.path_for`.
    facts : ProductFacts
        The header's content.
    data : NDArray[np.generic] | None
        Primary array; None for a table product.
    extensions : Sequence[fits.ImageHDU | fits.BinTableHDU]
        Of `image_hdu` and `table_hdu`.
    cards : Mapping[str, tuple[object, str]] | None
        Further cards of the primary header (WCS, quality): keyword to value and comment.
    """
    header = product_header(facts)
    header.update(cards or {})
    hdus = fits.HDUList([fits.PrimaryHDU(data, header), *extensions])
    hdus.writeto(path, checksum=True)


def image_hdu(name: str, data: NDArray[np.generic], unit: str, axes: str) -> fits.ImageHDU:
    """An image extension.

    Parameters
    ----------
    name : str
        EXTNAME.
    data : NDArray[np.generic]
        The array.
    unit : str
        BUNIT; '' for none.
    axes : str
        Axis order, slowest first.

    Returns
    -------
    fits.ImageHDU
        For `write_product`.
    """
    hdu = fits.ImageHDU(data, name=name)
    hdu.header["BUNIT"] = (unit, "unit of the array")
    hdu.header["AXORDER"] = (axes, "axis order, slowest first")
    return hdu


def table_hdu(name: str, columns: Sequence[Column], comment: str = "") -> fits.BinTableHDU:
    """A binary table extension.

    Parameters
    ----------
    name : str
        EXTNAME.
    columns : Sequence[Column]
        In order.
    comment : str
        One sentence on the table; '' for none.

    Returns
    -------
    fits.BinTableHDU
        For `write_product`.
    """
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(name=n, format=f, unit=u or None, array=np.asarray(v)) for n, f, u, v in columns],
        name=name,
    )
    if comment:
        hdu.header["COMMENT"] = comment
    return hdu


def read_facts(path: Path) -> ProductFacts:
    """Facts of a product file.

    Parameters
    ----------
    path : Path
        A product of ours.

    Returns
    -------
    ProductFacts
        Of its primary header.

    Raises
    ------
    InputError
        If the file cannot be read as FITS.
    """
    try:
        return read_product_facts(product_cards(path))
    except OSError as error:
        raise InputError(f"{path}: not a product file ({error})") from error


def write_preview(path: Path, image: NDArray[np.floating], *, low: float = 1.0, high: float = 99.7) -> Path:
    """Write a PNG beside a product.

    Parameters
    ----------
    path : Path
        The product's path; the picture has the same name with ``.png``.
    image : NDArray[np.floating]
        (y, x); NaN = no data, drawn black. North or y up, as in FITS.
    low : float
        Percentile drawn darkest.
    high : float
        Percentile drawn brightest; between them an inverse hyperbolic sine.

    Returns
    -------
    Path
        The picture.
    """
    image = _binned(image)
    finite = image[np.isfinite(image)]
    bottom, top = np.percentile(finite, [low, high]) if finite.size else (0.0, 1.0)
    scaled = np.clip((image - bottom) / max(top - bottom, np.finfo(np.float32).tiny), 0.0, 1.0)
    stretched = np.arcsinh(10.0 * np.nan_to_num(scaled)) / np.arcsinh(10.0)
    target = path.with_suffix(".png")
    png.imsave(target, stretched, cmap="inferno", vmin=0.0, vmax=1.0, origin="lower")
    return target


def _binned(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means of square blocks, so that no side is longer than a preview's."""
    block = -(-max(image.shape) // _PREVIEW_PX)
    if block == 1:
        return image
    rows, columns = image.shape[0] // block, image.shape[1] // block
    cut = image[: rows * block, : columns * block].reshape(rows, block, columns, block)
    known = np.isfinite(cut)
    total, count = np.where(known, cut, 0.0).sum(axis=(1, 3)), known.sum(axis=(1, 3))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
