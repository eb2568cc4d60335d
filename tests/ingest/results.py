"""Folders of results as ``hcvo reduce --out`` writes them: many tiny products, in no time."""

import csv
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

from astropy.io import fits
from django.db import connection

from hcvo.catalogue.models import Observation, RawFrame, Target
from hcvo.headers.level2_tables import CandidateRow, ContrastRow, table_hdu
from hcvo.headers.product import CARDS
from hcvo.model.names import url_safe
from hcvo.model.product import ProductKind
from hcvo.model.provenance import Input, ProcessKey
from ingest.copy_rows import copy_rows

__all__ = [
    "A_SEQUENCE", "MEASURED", "Observed", "digests", "enter_observations", "real_sequences", "write_results"
]  # fmt: skip

MEASURED = ("contrast", "detection", "quality_number", "science_plane")
_SIZE = 5
_BLOCK = 2880
_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_STEPS = (
    ("ird_flux_psf", "l1", 2, (ProductKind.PSF,)),
    (
        "pca",
        "pca",
        3,
        (
            ProductKind.RESIDUAL,
            ProductKind.IMAGE,
            ProductKind.SNR,
            ProductKind.SIGNIFICANCE,
            ProductKind.CORRECTED,
            ProductKind.CONTRAST,
            ProductKind.CANDIDATES,
        ),
    ),
    ("cadi", "cadi", 3, (ProductKind.IMAGE, ProductKind.SNR)),
)
"""Processes of a sequence: recipe, algorithm, level, products; the first reads raw frames, others its PSF."""
A_SEQUENCE = sum(len(kinds) for *_, kinds in _STEPS)
"""Products of one sequence; every tenth is a contrast curve."""
_TABLES = (ProductKind.CONTRAST, ProductKind.CANDIDATES)


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation: OB, start, star."""

    ob_id: int
    start: datetime
    name: str
    ra: float
    dec: float

    @property
    def obs_id(self) -> str:
        return f"SPHERE.IRDIS.{self.ob_id}.{self.start:%Y-%m-%dT%H:%M:%S}"

    @property
    def night(self) -> date:
        return (self.start - timedelta(hours=16)).date()

    @property
    def mjd(self) -> float:
        return (self.start - _EPOCH) / timedelta(days=1)

    @property
    def frames(self) -> list[str]:
        """dp_ids of its raw frames."""
        moments = (self.start + timedelta(seconds=100 * number) for number in range(2))
        return [f"SPHER.{moment:%Y-%m-%dT%H:%M:%S}.{self.ob_id % 1000:03d}" for moment in moments]


def real_sequences(phase3: Path, number: int, rng: random.Random) -> Iterator[Observed]:
    """Observing blocks, starts and positions of the data centre's products at ESO; later again if need be."""
    with (phase3 / "sphere_tap_results.csv").open(encoding="utf-8", newline="") as stream:
        names = sorted({row["obs_creator_did"].rpartition("?")[2] for row in csv.DictReader(stream)})
    with (phase3 / "comparison_differences.csv").open(encoding="utf-8", newline="") as stream:
        places = [
            (row["obj_new"], float(row["ra_new"]), float(row["dec_new"])) for row in csv.DictReader(stream)
        ]
    blocks = [name.removesuffix(".fits").split("_") for name in names if name.startswith("OB_")]
    for count in range(number):
        _, ob_id, start = blocks[count % len(blocks)][:3]
        again = count // len(blocks)
        moment = datetime.strptime(start, "%Y-%m-%dT%H-%M").replace(tzinfo=UTC)
        name, ra, dec = places[rng.randrange(len(places))]
        yield Observed(int(ob_id) + 10_000_000 * again, moment + timedelta(seconds=37 * again), name, ra, dec)


def enter_observations(sequences: Sequence[Observed]) -> None:
    """Stars, observations and raw frames, as ``hcvo ingest raw`` has entered them before."""
    released = {"release_time": datetime(2022, 1, 1, tzinfo=UTC)}
    stars = {(one.name, one.ra, one.dec): one for one in sequences}
    Target.objects.bulk_create(
        Target(main_name=f"{name} {number}", names=[name], ra=ra, dec=dec, source="dictionary")
        for number, (name, ra, dec) in enumerate(stars)
    )
    keys = list(Target.objects.order_by("pk").values_list("pk", flat=True))[-len(stars) :]
    target = dict(zip(stars, keys, strict=True))
    copy_rows(
        Observation(
            obs_id=one.obs_id, group_key=one.obs_id, target_id=target[one.name, one.ra, one.dec],
            object_name=one.name, facility="VLT UT3", instrument="SPHERE", arm="IRDIS", night=one.night,
            filter="DB_H23", ob_id=one.ob_id, t_min=one.mjd, t_max=one.mjd + 0.04, s_ra=one.ra,
            s_dec=one.dec, n_frames=2, n_science=2, **released,
        )
        for one in sequences
    )  # fmt: skip
    observation = dict(Observation.objects.values_list("obs_id", "pk"))
    copy_rows(
        RawFrame(
            dp_id=frame, accref=f"raw/{url_safe(frame)}.fits", sha256=_digest(frame), path=f"/raw/{frame}",
            size=1, observation_id=observation[one.obs_id], instrument="SPHERE", arm="IRDIS",
            frame_class="IRD_SCIENCE_DBI_RAW", category="SCIENCE", kind="OBJECT", technique="IMAGE",
            mjd_obs=one.mjd, mjd_end=one.mjd + 0.01, night=one.night, dit=16.0, ndit=4, cards={}, **released,
        )
        for one in sequences
        for frame in one.frames
    )  # fmt: skip


def write_results(folder: Path, sequences: Sequence[Observed], rng: random.Random) -> int:
    """Write the products of sequences and the records of their processes; how many products."""
    (folder / "processes").mkdir(parents=True)
    tables = {kind: [_table(kind, rng) for _ in range(20)] for kind in _TABLES}
    process_id, written = 0, 0
    for one in sequences:
        read = [Input("science", _digest(frame), frame) for frame in one.frames]
        for recipe, algorithm, level, kinds in _STEPS:
            process_id += 1
            key = ProcessKey(recipe, "1", {"components": rng.choice([1, 5, 10, 20])}, tuple(read))
            outputs = []
            for kind in kinds:
                table = rng.choice(tables[kind]) if kind in _TABLES else b""
                facts = _facts(one, kind, algorithm, level, process_id, recipe)
                outputs.append(_write(folder, facts, read, table))
            written += len(outputs)
            (folder / "processes" / f"{process_id}.json").write_text(_record(process_id, key, outputs))
            if recipe == "ird_flux_psf":
                read = [Input("psf", outputs[0]["sha256"], Path(outputs[0]["file"]).name)]  # type: ignore[arg-type]
    return written


def _facts(
    one: Observed, kind: ProductKind, algorithm: str, level: int, process_id: int, recipe: str
) -> dict[str, object]:
    return {
        "kind": kind.value, "level": level, "instrument": "SPHERE", "telescope": "ESO-VLT-U3", "arm": "IRDIS",
        "algorithm": algorithm, "filter": "DB_H23", "obs_id": one.obs_id, "target_name": one.name,
        "ra_deg": one.ra, "dec_deg": one.dec, "programme": "", "ob_id": one.ob_id,
        "night": one.night.isoformat(), "mjd_start": one.mjd, "mjd_end": one.mjd + 0.04, "exptime_s": 1536.0,
        "dit_s": 16.0, "ncombine": 2, "wavelength_min_nm": 1566.0, "wavelength_max_nm": 1694.0,
        "pixel_scale_mas": 12.25, "fwhm_mas": 41.0, "coronagraph": "N_ALC_YJH_S", "derotator_mode": "STAB",
        "technique": "IMAGE,DUAL,CORONOGRAPHY", "field_rotation_deg": 25.0, "match_level": 0,
        "process_id": process_id, "recipe": recipe, "recipe_version": "1",
        "axes": "" if kind in _TABLES else "y,x", "unit": "adu",
    }  # fmt: skip


def _write(
    folder: Path, facts: dict[str, object], read: Sequence[Input], table: bytes
) -> dict[str, str | int | bool]:
    cards = [_card("SIMPLE", value=True), _card("BITPIX", -32), _card("NAXIS", 0 if table else 2)]
    if not table:
        cards += [_card("NAXIS1", _SIZE), _card("NAXIS2", _SIZE)]
    cards += [_card("EXTEND", value=True), _card("RADESYS", "ICRS")]
    cards += [_card(keyword, facts[name]) for name, (keyword, _) in CARDS.items()]
    cards += [_card(f"PROV{number}", one.name) for number, one in enumerate(read, start=1)]
    if facts["recipe"] == "pca" and facts["kind"] == "image":
        cards += [f"HIERARCH HCVO QC FRAMES KEPT = {facts['process_id']} / frames used".ljust(80)]
    if not table:
        cards += _celestial(facts)
    text = "".join([*cards, "END".ljust(80)])
    data = table or bytes(-(-_SIZE * _SIZE * 4 // _BLOCK) * _BLOCK)
    content = text.ljust(-(-len(text) // _BLOCK) * _BLOCK).encode("ascii") + data
    parts = (facts["obs_id"], facts["filter"], facts["algorithm"], facts["kind"], facts["process_id"])
    name = f"{url_safe(str(facts['night']))}/{url_safe(str(facts['obs_id']))}/"
    name += "_".join(url_safe(str(part)) for part in parts) + ".fits"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {
        "kind": str(facts["kind"]), "file": name, "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content), "preview": False,
    }  # fmt: skip


def _celestial(facts: dict[str, object]) -> list[str]:
    middle, scale = _SIZE // 2 + 1.0, 12.25 / 3.6e6
    values = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1": middle,
        "CRPIX2": middle, "CRVAL1": facts["ra_deg"], "CRVAL2": facts["dec_deg"], "CD1_1": -scale,
        "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": scale,
    }  # fmt: skip
    return [_card(keyword, value) for keyword, value in values.items()]


def _card(keyword: str, value: object) -> str:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value!r:>20}".upper()
    return f"{keyword:<8}= {text}".ljust(80)[:80]


def _table(kind: ProductKind, rng: random.Random) -> bytes:
    """An extension of 40 separations in 2 channels, or of two candidates."""
    if kind == ProductKind.CONTRAST:
        rows = [
            ContrastRow(
                channel=channel, wavelength=1.6, sep=50.0 + 25 * number,
                contrast=10 ** rng.uniform(-6, -3), dmag=rng.uniform(8, 15), nsigma=5.0,
                dof=number + 5.0, throughput=rng.uniform(0.3, 1.0), small_sample=True, throughput_corr=True,
                coronagraph_corr=False,
            )
            for channel in range(2)
            for number in range(40)
        ]  # fmt: skip
        hdu = table_hdu(rows, ContrastRow, "CONTRAST")
    else:
        found = [
            CandidateRow(
                candidate=number, channel=-1, wavelength=1.6, sep=rng.uniform(100, 2000), sep_err=1.0,
                pa=rng.uniform(0, 360), pa_err=0.2, ra=float("nan"), dec=float("nan"), x=1.0, y=2.0,
                contrast=1e-5, contrast_err=1e-6, dmag=12.5, dmag_err=0.1, snr=7.0, significance=6.0,
                false_rate=0.0, false_rate_max=0.3, n_injections=8, neg_sep=float("nan"),
                neg_pa=float("nan"), neg_contrast=float("nan"), neg_differs=False,
            )
            for number in (1, 2)
        ]  # fmt: skip
        hdu = table_hdu(found, CandidateRow, "CANDIDATES")
    stream = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
    return stream.getvalue()[_BLOCK:]


def _record(process_id: int, key: ProcessKey, outputs: Sequence[dict[str, str | int | bool]]) -> str:
    entry = {
        "process_id": process_id, "recipe": key.recipe, "version": key.version,
        "parameters": dict(key.parameters),
        "inputs": [{"role": i.role, "sha256": i.sha256, "name": i.name} for i in key.inputs],
        "digest": key.digest, "state": "done", "started": "2026-01-01T00:00:00.000+00:00",
        "ended": "2026-01-01T00:01:00.000+00:00", "host": "made", "libraries": {"numpy": "1"}, "log": None,
        "outputs": list(outputs), "error": "",
    }  # fmt: skip
    return json.dumps(entry)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digests() -> dict[str, tuple[int, str]]:
    """Number and checksum of every row of products and their provenance, keys the database gave left out."""
    found = {}
    with connection.cursor() as cursor:
        for table in ("process", "product", "process_input", *MEASURED):
            named = "product_id" if table not in {"process", "product"} else "NULL::bigint"
            cursor.execute(
                "SELECT count(*), md5(coalesce(string_agg(told, E'\\n' ORDER BY told), '')) FROM ("
                " SELECT (to_jsonb(t) - ARRAY['made', 'product_id', CASE WHEN %s THEN '' ELSE 'id' END]"
                "   || jsonb_build_object('of', p.name))::text COLLATE \"C\" AS told"
                f" FROM archive.{table} t LEFT JOIN archive.product p ON p.id = {_of(named)}) AS rows",
                [table == "process"],
            )
            found[table] = cursor.fetchone()
    return found


def _of(named: str) -> str:
    return f"t.{named}" if named == "product_id" else named
