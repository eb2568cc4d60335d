"""Make a product again from what its provenance names, and say whether it comes out the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hcvo.catalogue.models import Process, ProcessInput, Product
from hcvo.config import Settings
from hcvo.errors import CatalogueError, ReductionError, StoreError
from hcvo.store import sha256_of
from reduce.environment import code_version, libraries
from reduce.file_recorder import FileRecorder, only_one
from reduce.process import run_recipe
from reduce.recipe import SourceFile
from reduce.recipes import REGISTRY
from reduce.same_arrays import Compared, compare_products

__all__ = ["Reproduced", "find_product", "reproduce"]


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A process that was run again.

    Attributes
    ----------
    process_id : int
        The process as it was recorded.
    compared : Mapping[str, tuple[Compared, ...]]
        Access key of each of its FITS products to the verdicts on its HDUs; pages and text tables, which tell
        the same in other forms, are not among them.
    environment : tuple[str, ...]
        What is not as it was then: versions of libraries, type of processor.
    """

    process_id: int
    compared: Mapping[str, tuple[Compared, ...]]
    environment: tuple[str, ...]


def find_product(name: str) -> Product:
    """A product by its number, access key, file name or publisher identifier.

    Parameters
    ----------
    name : str
        As a user has it from a table.

    Returns
    -------
    Product
        The row.

    Raises
    ------
    CatalogueError
        If there is none.
    """
    key = name.partition("/~?")[2] if name.startswith("ivo://") else name
    found = Product.objects.filter(pk=int(key)) if key.isdecimal() else Product.objects.filter(accref=key)
    product = found.first() or Product.objects.filter(name=key).first()
    if product is None:
        raise CatalogueError(
            f"no product {name!r} in the catalogue; wanted its number, its access key (column accref), its "
            "file name or its identifier (obs_publisher_did)"
        )
    return product


def reproduce(
    settings: Settings,
    product: Product,
    folder: Path,
    *,
    raw: Path | None = None,
    other_version: bool = False,
) -> Reproduced:
    """Run the process of a product again, in a folder of its own, and compare all it made.

    Parameters
    ----------
    settings : Settings
        The site.
    product : Product
        One of the process's products.
    folder : Path
        Where the products are made; left there.
    raw : Path | None
        Folder with raw frames, searched below too; None takes them from where they were ingested.
    other_version : bool
        Go on where the code is not that which made the product.

    Returns
    -------
    Reproduced
        The verdicts.

    Raises
    ------
    ReductionError
        If the code is another, or its recipe is not known any more.
    """
    process = product.process
    recipe = next((recipe for recipe in REGISTRY if recipe.name == process.recipe), None)
    if recipe is None:
        raise ReductionError(f"process {process.pk}: recipe {process.recipe!r} is not known to this version")
    if process.version != code_version() and not other_version:
        raise ReductionError(
            f"process {process.pk} was made by {process.version}, this is {code_version()}: check that "
            "version out, or give --other-version to see what this one makes"
        )
    inputs: dict[str, list[SourceFile]] = {}
    for read in process.inputs.select_related("raw_frame__observation", "product").order_by("role", "name"):
        inputs.setdefault(read.role, []).append(_source(settings, read, raw))
    with only_one(folder):
        recorder = FileRecorder(folder)
        run = run_recipe(
            recipe,
            inputs,
            process.parameters,
            recorder=recorder,
            staging=recorder.staging,
            logs=folder / "logs",
        )
    made = [(output.kind, output.path) for output in run.outputs]
    return Reproduced(process.pk, dict(_verdicts(settings, process, made)), tuple(_otherwise(process)))


def _source(settings: Settings, read: ProcessInput, raw: Path | None) -> SourceFile:
    """The file of an input, the same byte by byte."""
    what = f"input {read.role} of process {read.process_id}, {read.name}"
    if read.product is not None:
        path, obs_id, level = settings.store / read.product.accref, "", read.product.match_level
    elif read.raw_frame is not None or raw is not None:
        known = read.raw_frame
        path = _raw_path(read.name, raw) if raw else Path(known.path if known else "")
        obs_id, level = (known.observation.obs_id if known and known.observation else ""), 0
    else:
        raise StoreError(f"{what}: not in this archive; give its folder by --raw")
    if not path.is_file():
        hint = (
            "give the folder of the raw frames by --raw" if read.product is None else "run hcvo store check"
        )
        raise StoreError(f"{what}: {path} is not there; {hint}")
    found = sha256_of(path)
    if found != read.sha256:
        raise StoreError(
            f"{what}: {path} has the checksum {found[:12]}..., wanted {read.sha256[:12]}...: it is not the "
            "file that was read then"
        )
    return SourceFile(path, read.sha256, read.name, level, obs_id)


def _raw_path(dp_id: str, folder: Path) -> Path:
    return next(iter(sorted(folder.rglob(f"{dp_id}.fits"))), folder / f"{dp_id}.fits")


def _verdicts(
    settings: Settings, process: Process, made: list[tuple[str, Path]]
) -> Iterator[tuple[str, tuple[Compared, ...]]]:
    """Each FITS product of the process beside the new one of its kind; several of a kind in their order."""
    for kind in sorted({kind for kind, _ in made}):
        before = list(process.products.filter(kind=kind).order_by("pk"))
        after = [path for other, path in made if other == kind]
        if len(before) != len(after):
            raise ReductionError(f"process {process.pk} made {len(before)} {kind}, now {len(after)}")
        for product, path in zip(before, after, strict=True):
            if path.suffix == ".fits":
                yield product.accref, compare_products(_as_made(settings, product), path)


def _as_made(settings: Settings, product: Product) -> Path:
    """The stored file, which must be the one that was made."""
    path = settings.store / product.accref
    if not path.is_file() or sha256_of(path) != product.sha256:
        raise StoreError(
            f"{path} is not the file that process {product.process_id} made (its checksum is another, or it "
            "is gone): there is nothing to compare with; see hcvo store check --checksums"
        )
    return path


def _otherwise(process: Process) -> Iterator[str]:
    now = libraries()
    for name in sorted({*process.libraries, *now}):
        then, here = process.libraries.get(name, "none"), now.get(name, "none")
        if then != here:
            yield f"{name} was {then}, is {here}"
