"""Observations: which frames belong together, and the name that does not depend on the order they came in."""

from datetime import date, datetime

from django.db.models import Max, Min

from hcvo.catalogue.models import Observation, Programme, RawFrame
from hcvo.model.frame import RawFrame as Frame
from hcvo.model.observation import is_science, observation_id, observation_key, opening_frame
from hcvo.model.product import ProductFacts
from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, from_when, release_time, same_terms
from ingest.pointing import Pointing, pointing_of
from ingest.report import IngestReport
from ingest.resolve import Resolver
from ingest.targets import target_row

__all__ = [
    "FACILITIES",
    "belongs_to_observation",
    "external_observation",
    "observation_of",
    "refresh",
]

FACILITIES = {f"ESO-VLT-U{unit}": f"VLT UT{unit}" for unit in range(1, 5)}
"""``TELESCOP`` to ObsCore's facility_name."""


def belongs_to_observation(frame: Frame) -> bool:
    """Frames of a target taken by one arm in an observing block; not calibrations, not telemetry."""
    return frame.category == "SCIENCE" and bool(frame.arm) and frame.ob_id is not None


def observation_of(
    frame: Frame, resolver: Resolver, policy: ReleasePolicy, report: IngestReport
) -> Observation | None:
    """Find or make the observation of a frame and lock its row.

    Parameters
    ----------
    frame : Frame
        A raw frame, not yet in the catalogue.
    resolver : Resolver
        Names to positions, asked when the observation is new.
    policy : ReleasePolicy
        When a new observation becomes public.
    report : IngestReport
        Takes notes on doubtful targets, and on an observation that has other release terms.

    Returns
    -------
    Observation | None
        The locked row; None for frames that belong to none.
    """
    if not belongs_to_observation(frame):
        return None
    key = observation_key(frame)
    found = Observation.objects.select_for_update().filter(group_key=key).first()
    if found is not None:
        _note_terms(found, release_time(DataKind.SCIENCE, from_mjd(frame.mjd_obs), policy), report)
        return found
    target, ra, dec = target_row(pointing_of(frame), resolver, report)
    telescope = str(frame.cards.get("TELESCOP") or "")
    return Observation.objects.create(
        obs_id=observation_id(frame.instrument, frame.arm, frame.ob_id, frame.mjd_obs),
        group_key=key,
        target=target,
        programme=_programme(frame),
        object_name=frame.target_name,
        facility=FACILITIES.get(telescope, telescope),
        instrument=frame.instrument,
        arm=frame.arm,
        night=frame.night,
        ob_id=frame.ob_id,
        t_min=frame.mjd_obs,
        t_max=frame.mjd_end,
        s_ra=ra,
        s_dec=dec,
        release_time=release_time(DataKind.SCIENCE, from_mjd(frame.mjd_obs), policy),
    )


def external_observation(facts: ProductFacts, resolver: Resolver, policy: ReleasePolicy) -> Observation:
    """Make the observation of a cube that was reduced elsewhere, from its product's facts.

    Parameters
    ----------
    facts : ProductFacts
        Of the level 1 cube.
    resolver : Resolver
        Names to positions.
    policy : ReleasePolicy
        When it becomes public.

    Returns
    -------
    Observation
        The new row.
    """
    pointing = Pointing(facts.target_name, facts.ra_deg, facts.dec_deg, facts.mjd_start)
    target, ra, dec = target_row(pointing, resolver, IngestReport())
    return Observation.objects.create(
        obs_id=facts.obs_id,
        group_key=facts.obs_id,
        target=target,
        programme=_programme_row(facts.programme),
        object_name=facts.target_name,
        facility=FACILITIES.get(facts.telescope, facts.telescope),
        instrument=facts.instrument,
        arm=facts.arm,
        night=date.fromisoformat(facts.night),
        filter=facts.filter,
        coronagraph=facts.coronagraph,
        derotator_mode=facts.derotator_mode,
        technique=facts.technique,
        ob_id=facts.ob_id,
        t_min=facts.mjd_start,
        t_max=facts.mjd_end,
        t_exptime=facts.exptime_s,
        s_ra=ra,
        s_dec=dec,
        release_time=release_time(DataKind.SCIENCE, from_mjd(facts.mjd_start), policy),
    )


def refresh(observation: Observation) -> None:
    """Recompute what an observation says of its frames, after one was added.

    Its obs_id is the one of its first science frame, whatever order the frames came in; once it has
    products it stays, for their files carry it.

    Parameters
    ----------
    observation : Observation
        The locked row.
    """
    frames = RawFrame.objects.filter(observation=observation).defer("cards")
    science = [frame for frame in frames if is_science(frame)]
    first = opening_frame(frames)
    span = frames.aggregate(begin=Min("mjd_obs"), end=Max("mjd_end"))
    if not observation.products.exists():
        observation.obs_id = observation_id(first.instrument, first.arm, first.ob_id, first.mjd_obs)
    observation.t_min, observation.t_max = span["begin"], span["end"]
    observation.filter = first.filter
    observation.coronagraph = first.coronagraph
    observation.derotator_mode = first.derotator_mode
    observation.technique = first.technique
    observation.n_frames = len(frames)
    observation.n_science = len(science)
    observation.t_exptime = sum(frame.dit * frame.ndit for frame in science)
    observation.save()


def _note_terms(observation: Observation, asked: datetime, report: IngestReport) -> None:
    if not same_terms(observation.release_time, asked):
        report.note(
            f"{observation.obs_id} keeps its release terms, public {from_when(observation.release_time)}; "
            f"for a new observation it would be {from_when(asked)}"
        )


def _programme(frame: Frame) -> Programme | None:
    return _programme_row(frame.programme, str(frame.cards.get("ESO OBS PI-COI NAME") or ""))


def _programme_row(programme: str, pi: str = "") -> Programme | None:
    if not programme:
        return None
    return Programme.objects.get_or_create(programme=programme, defaults={"pi": pi})[0]
