"""Store against catalogue: does one hold exactly what the other names."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hcvo.catalogue.models import Process, Product
from hcvo.catalogue.setup import setup_django
from hcvo.centre.recovery import dead_processes, recover
from hcvo.config import Settings
from hcvo.model.provenance import ProcessState
from hcvo.store import sha256_of

__all__ = ["StoreState", "check_store", "clean_store"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is not as it should be.

    Attributes
    ----------
    orphans : tuple[Path, ...]
        Files of the store that no row names.
    missing : tuple[str, ...]
        Accrefs of rows whose file is absent.
    changed : tuple[str, ...]
        Accrefs of rows whose file has another size, or another checksum where that was asked for.
    dead : tuple[int, ...]
        Processes that count as running though their program is gone.
    leftovers : tuple[Path, ...]
        Staging folders of processes that do not run.
    """

    orphans: tuple[Path, ...]
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    dead: tuple[int, ...]
    leftovers: tuple[Path, ...]

    @property
    def sound(self) -> bool:
        """Nothing is amiss."""
        return not (self.orphans or self.missing or self.changed or self.dead or self.leftovers)


def check_store(settings: Settings, *, checksums: bool = False) -> StoreState:
    """Compare store and catalogue; writes nothing.

    Parameters
    ----------
    settings : Settings
        The site.
    checksums : bool
        Read every file and compare its SHA-256 too.

    Returns
    -------
    StoreState
        What is amiss.
    """
    setup_django(settings)
    dead = tuple(process.pk for process in dead_processes(settings))
    # The files are listed before the rows are read: a product entered meanwhile is not an orphan.
    found = {path for path in settings.store.rglob("*") if path.is_file()}
    staged = sorted(settings.staging.iterdir()) if settings.staging.is_dir() else []
    live = {
        pk: set(intended)
        for pk, intended in Process.objects.filter(state=ProcessState.RUNNING).values_list("pk", "intended")
        if pk not in dead
    }
    named = {settings.store / accref for accrefs in live.values() for accref in accrefs}
    missing, changed = [], []
    for product in Product.objects.order_by("pk").iterator():
        path = settings.store / product.accref
        previews = [product.preview] if product.preview else []
        named.update(settings.store / accref for accref in (product.accref, *previews))
        missing += [name for name in (product.accref, *previews) if not (settings.store / name).is_file()]
        if path.is_file() and not _same(path, product, checksums=checksums):
            changed.append(product.accref)
    return StoreState(
        orphans=tuple(sorted(found - named)),
        missing=tuple(missing),
        changed=tuple(changed),
        dead=dead,
        leftovers=tuple(path for path in staged if path.name not in {str(pk) for pk in live}),
    )


def clean_store(settings: Settings, state: StoreState) -> None:
    """Remove orphan files and leftovers, fail dead processes; rows are never removed.

    Parameters
    ----------
    settings : Settings
        The site.
    state : StoreState
        What `check_store` found.
    """
    recover(settings)
    for path in state.orphans:
        path.unlink(missing_ok=True)
        _prune(path.parent, settings.store)
    for path in state.leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _same(path: Path, product: Product, *, checksums: bool) -> bool:
    return path.stat().st_size == product.size and (not checksums or sha256_of(path) == product.sha256)


def _prune(folder: Path, root: Path) -> None:
    """Remove folders that have become empty, up to the store itself."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
