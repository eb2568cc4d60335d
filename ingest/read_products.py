"""Read the record of a process and all its product files: everything the catalogue needs, without it."""

from dataclasses import dataclass
from pathlib import Path

from hcvo.errors import HcvoError, InputError
from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Output, ProcessRecord, ProcessState
from hcvo.store import accref, sha256_of
from ingest.measurements import Measured
from ingest.obscore import Described
from ingest.process_records import read_process_record
from ingest.products import read_product

__all__ = ["ReadProcess", "ReadProduct", "read_process"]


@dataclass(frozen=True, slots=True)
class ReadProduct:
    """One product file that was read: its output of the process, its place in the store, what it says."""

    output: Output
    accref: str
    described: Described
    measured: Measured


@dataclass(frozen=True, slots=True)
class ReadProcess:
    """One process.

    Attributes
    ----------
    path : Path
        Its record.
    record : ProcessRecord | None
        None where it was refused.
    products : tuple[ReadProduct, ...]
        All its files, or none where one was refused.
    refused : tuple[tuple[str, str], ...]
        File and why: the record's, or its product's.
    """

    path: Path
    record: ProcessRecord | None
    products: tuple[ReadProduct, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def read_process(path: Path) -> ReadProcess:
    """Read a process and its files.

    Parameters
    ----------
    path : Path
        Its record.

    Returns
    -------
    ReadProcess
        With what is wrong with it, file by file.
    """
    try:
        record = read_process_record(path)
    except InputError as error:
        return ReadProcess(path, None, refused=((str(path), _without(path, error)),))
    if record.state != ProcessState.DONE:
        return ReadProcess(path, record)
    products, refused = [], []
    for output in record.outputs:
        try:
            products.append(_read(record, output))
        except HcvoError as error:
            refused.append((str(output.path), _without(output.path, error)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            refused.append((str(output.path), f"cannot be read as a product file: {error}"))
    return ReadProcess(path, record, () if refused else tuple(products), tuple(refused))


def _read(record: ProcessRecord, output: Output) -> ReadProduct:
    for path in (output.path, *([output.preview] if output.preview else [])):
        if not path.is_file():
            raise InputError(f"{path}: its process says that it made it, but it is not there; bring it back")
    found = sha256_of(output.path)
    if found != output.sha256:
        raise InputError(
            f"{output.path}: sha256 {found[:12]}..., wanted {output.sha256[:12]}... as its process has it; "
            "the file was changed or is damaged: take it from a copy"
        )
    described, measured = read_product(output.path)
    _refuse_foreign(record, output, described.facts)
    return ReadProduct(output, accref(described.facts), described, measured)


def _refuse_foreign(record: ProcessRecord, output: Output, facts: ProductFacts) -> None:
    for what, here, there in (
        ("PROCID", facts.process_id, record.process_id),
        ("RECIPE", facts.recipe, record.key.recipe),
        ("PRODKIND", facts.kind.value, output.kind),
    ):
        if here != there:
            raise InputError(f"{output.path}: {what} is {here!r}, its process's record has {there!r}")


def _without(path: Path, error: HcvoError) -> str:
    return str(error).removeprefix(f"{path}: ")
