"""Missing calibrations as rows: what the last plan of an observation wanted and did not find."""

from collections import defaultdict
from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from hcvo.catalogue.models import MissingCalibration, Observation
from reduce.associate import GroupPlan, Plan

__all__ = ["enter_missing"]


@transaction.atomic
def enter_missing(planned: Plan) -> int:
    """Replace the rows of every observation in a plan; all in one transaction.

    Parameters
    ----------
    planned : Plan
        Made from frames of the catalogue: its groups carry the names of their observations.

    Returns
    -------
    int
        Rows that are there now.
    """
    groups: dict[str, list[GroupPlan]] = defaultdict(list)
    for group in planned.groups:
        groups[group.observation].append(group)
    found = Observation.objects.select_for_update().filter(obs_id__in=groups).order_by("pk")
    observations = list(found)
    MissingCalibration.objects.filter(observation__in=observations).delete()
    rows = [row for one in observations for row in _rows(one, groups[one.obs_id])]
    MissingCalibration.objects.bulk_create(rows)
    return len(rows)


def _rows(observation: Observation, groups: list[GroupPlan]) -> Iterator[MissingCalibration]:
    in_time = sorted(groups, key=lambda group: (group.science.times[0], group.science.frames[0].dp_id))
    for sequence, group in enumerate(in_time, start=1):
        first = group.science.frames[0]
        for number, missing in enumerate(group.missing, start=1):
            yield MissingCalibration(
                observation=observation,
                sequence=sequence,
                number=number,
                role=missing.role,
                calibration=missing.name,
                wanted=" ".join(missing.wanted),
                level=missing.level,
                candidates=missing.candidates,
                differs=" ".join(missing.differs),
                reason=missing.reason,
                filter=first.filter,
                nd_filter=first.nd_filter,
                coronagraph=first.coronagraph,
                dit=missing.dit_s,
                n_files=len(group.science.frames),
                planned=timezone.now(),
            )
