"""Whether an observing block ran to its end: what its templates announced against what there is."""

from collections.abc import Sequence

from hcvo.model.frame import RawFrame
from reduce.match import FrameGroup

__all__ = ["warnings_of"]

_OTHER_ARM = 1  # where two arms expose by turns, the last exposure may be the other's


def warnings_of(science: FrameGroup, block: Sequence[RawFrame]) -> tuple[str, ...]:
    """What an operator should know of a sequence.

    Parameters
    ----------
    science : FrameGroup
        Its science frames.
    block : Sequence[RawFrame]
        All frames of the same execution of the observing block and arm, in order of time.

    Returns
    -------
    tuple[str, ...]
        A warning where the template of the last science frame (``TPL EXPNO``, ``TPL NEXP``) was not finished;
        the cards of few frames are read.
    """
    last = science.frames[-1]
    template = last.cards.get("ESO TPL START")
    total = last.cards.get("ESO TPL NEXP")
    if template is None or not isinstance(total, int) or isinstance(total, bool):
        return ()
    numbers = [_number(last)]
    for frame in reversed(block):
        if frame.mjd_obs <= last.mjd_obs:
            break
        if frame.cards.get("ESO TPL START") == template:
            numbers.append(_number(frame))
    allowed = _OTHER_ARM if "irdifs" in str(last.cards.get("ESO TPL ID") or "").lower() else 0
    if max(numbers) + allowed >= total:
        return ()
    what = f"{last.dp_id}: exposure {max(numbers)} of {total} is the last of its template"
    there_are = f"the {len(science.frames)} science files there are will be used"
    return (f"{what}: it was aborted, or its files are not all here; {there_are}",)


def _number(frame: RawFrame) -> int:
    value = frame.cards.get("ESO TPL EXPNO")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
