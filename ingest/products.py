"""Product files into the catalogue: every row of a process, inside the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcvo.catalogue.models import Observation, Process, Product
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.catalogue.rights import share_rights, within_inputs
from hcvo.errors import CatalogueError
from hcvo.headers.page import product_cards, quick_cards
from hcvo.model.product import ProductFacts
from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, release_time
from hcvo.model.sphere import SphericalPolygon
from ingest.copy_rows import by_model, copy_rows
from ingest.depth import note_depth
from ingest.measurements import Measured, measurement_rows, read_measurements
from ingest.obscore import Described, describe, obscore_columns
from ingest.observations import external_observation
from ingest.resolve import Resolver

__all__ = [
    "EXTERNAL",
    "Newcomers",
    "StoredFile",
    "load_products",
    "observation_of",
    "own_rights",
    "product_row",
    "read_product",
    "region_of",
]

EXTERNAL = "external_cube"
"""The recipe whose inputs are a user's files: no raw frame, and only its products tell of the observation."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A product file at its place in the store: where, as what, how large; preview '' where it has none."""

    path: Path
    accref: str
    sha256: str
    size: int
    preview: str


@dataclass(frozen=True, slots=True)
class Newcomers:
    """How observations enter that no raw frame told of (external cubes): who names them, when they open."""

    resolver: Resolver
    policy: ReleasePolicy


def load_products(process: Process, files: Sequence[StoredFile], newcomers: Newcomers) -> list[Product]:
    """Enter the products of a process with their measurements, and give the process their rights.

    Products of an observation have its rights, reduced calibrations are public at once; but no product is
    more public than the raw frames it goes back to, such as another observation's skies.

    Parameters
    ----------
    process : Process
        The process that made them.
    files : Sequence[StoredFile]
        Its files, already in the store.
    newcomers : Newcomers
        For observations that only these files tell of.

    Returns
    -------
    list[Product]
        Their rows, in the current transaction.

    Notes
    -----
    CatalogueError for a product of a target whose observation the catalogue does not have.
    """
    read = [read_product(file.path) for file in files]
    region = region_of(read)
    products = []
    for file, (described, measured) in zip(files, read, strict=True):
        observation = observation_of(process, described.facts, newcomers)
        rights = within_inputs(own_rights(observation, described.facts), process)
        product = product_row(process, file, described, region, observation, rights)
        product.save()
        for rows in by_model(measurement_rows(product, measured)):
            copy_rows(rows)
        products.append(product)
    note_depth(process, products)
    share_rights(process, products)
    return products


def read_product(path: Path) -> tuple[Described, Measured]:
    """Read all the catalogue needs of a product file, its header once.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple[Described, Measured]
        What ObsCore says of it, and what it measured.
    """
    cards = quick_cards(path) or product_cards(path)
    described = describe(path, cards)
    return described, read_measurements(described.facts.kind, cards, path)


def region_of(read: Iterable[tuple[Described, Measured]]) -> SphericalPolygon | None:
    """Footprint of a process's images: its tables have it too."""
    return next((described.region for described, _ in read if described.region is not None), None)


def product_row(
    process: Process,
    file: StoredFile,
    described: Described,
    region: SphericalPolygon | None,
    observation: Observation | None,
    rights: Mapping[str, Any],
) -> Product:
    """Row of a product file.

    Parameters
    ----------
    process : Process
        The process that made it.
    file : StoredFile
        Where it lies.
    described : Described
        What it is.
    region : SphericalPolygon | None
        Footprint of its process's images.
    observation : Observation | None
        Of the catalogue; None for a calibration.
    rights : Mapping[str, Any]
        Guard columns.

    Returns
    -------
    Product
        Unsaved.
    """
    facts = described.facts
    target = observation.target if observation else None
    return Product(
        process=process,
        observation=observation,
        target=target,
        target_name=target.main_name if target else facts.target_name,
        accref=file.accref,
        name=file.path.name,
        size=file.size,
        sha256=file.sha256,
        preview=file.preview,
        **obscore_columns(described, described.region if described.lengths else region),
        **rights,
    )


def _is_calibration(facts: ProductFacts) -> bool:
    return facts.level <= 1 and facts.ob_id is None and not facts.target_name


def observation_of(process: Process, facts: ProductFacts, newcomers: Newcomers) -> Observation | None:
    """Observation of a product: by name; else by the frame that named it, before all its frames were there.

    Parameters
    ----------
    process : Process
        The process that made it; its inputs are in the catalogue.
    facts : ProductFacts
        What the file says.
    newcomers : Newcomers
        For observations that only these files tell of.

    Returns
    -------
    Observation | None
        Of the catalogue; None for a calibration.

    Raises
    ------
    CatalogueError
        If the catalogue does not have it, or another under its name.
    """
    if _is_calibration(facts):
        return None
    found = Observation.objects.select_related("target").filter(obs_id=facts.obs_id).first()
    if found is not None:
        if process.recipe == EXTERNAL:
            _refuse_another(found, facts)
        return found
    if process.recipe == EXTERNAL:
        return external_observation(facts, newcomers.resolver, newcomers.policy)
    named_by = {"frames__uses__process": process, "frames__uses__role": "observation"}
    renamed = Observation.objects.filter(**named_by, ob_id=facts.ob_id).first()
    if renamed is None:
        raise CatalogueError(
            f"{facts.kind} of {facts.target_name!r}: no observation {facts.obs_id} in the catalogue, and no "
            "frame of it among the inputs; ingest its raw frames and reduce again"
        )
    return _keep_name(renamed.pk, facts.obs_id)


def _refuse_another(known: Observation, facts: ProductFacts) -> None:
    """Cubes of one star and start are of one observation when filter and programme are the same."""
    for what, there, here in (
        ("filter", known.filter, facts.filter),
        ("programme", known.programme_id or "", facts.programme),
    ):
        if there != here:
            raise CatalogueError(
                f"the observation {known.obs_id} is in the catalogue with {what} {there!r}, this cube has "
                f"{here!r}: another observation; give its start to the second with --date"
            )


def _keep_name(observation_pk: int, obs_id: str) -> Observation:
    """An earlier frame came in while its first product was made: the product's file keeps its name for it."""
    row = Observation.objects.select_related("target").select_for_update(of=("self",)).get(pk=observation_pk)
    if row.products.exists():
        raise CatalogueError(
            f"the observation {obs_id} is called {row.obs_id} since other products of it were made, "
            "while this reduction ran; reduce again"
        )
    row.obs_id = obs_id
    row.save(update_fields=["obs_id"])
    return row


def own_rights(observation: Observation | None, facts: ProductFacts) -> dict[str, Any]:
    """Rights a product has of itself: its observation's; reduced calibrations are public at once."""
    if observation is not None:
        return {name: getattr(observation, name) for name in GUARD_COLUMNS}
    moment = from_mjd(facts.mjd_start)
    opened = release_time(DataKind.CALIBRATION, moment, ReleasePolicy.DEFAULT)
    return {"release_time": opened, "validated": True, "withdrawn": False, "workspace": ""}
