"""Whether an observing block is whole: what its templates announced against what there is."""

from collections.abc import Iterator, Sequence

from hcvo.model.frame import RawFrame
from reduce.match import FrameGroup

__all__ = ["warnings_of"]

_OTHER_ARM = 1  # where two arms expose by turns, the last exposure may be the other's
_NAMED = 5  # exposures named one by one


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
        A warning where exposures of the science's templates are not there (``TPL EXPNO``), and one where the
        last template was not finished (``TPL NEXP``).
    """
    return (*_holes(science, block), *_end(science, block))


def _holes(science: FrameGroup, block: Sequence[RawFrame]) -> Iterator[str]:
    """Numbers that are not there between some that are; where two arms take turns it cannot be told."""
    first_of = {_template(frame): frame for frame in reversed(science.frames) if not _two_arms(frame)}
    numbers: dict[object, set[int]] = {template: set() for template in first_of if template is not None}
    for frame in block:
        if (found := numbers.get(_template(frame))) is not None:
            found.add(_number(frame))
    for template, found in numbers.items():
        lost = sorted(set(range(min(found), max(found))) - found)
        if lost:
            named = ", ".join(map(str, lost[:_NAMED])) + (" ..." if len(lost) > _NAMED else "")
            what = f"{first_of[template].dp_id}: of its template's exposures {named} are missing"
            yield f"{what} (left out, or never fetched); {_used(science)}"


def _end(science: FrameGroup, block: Sequence[RawFrame]) -> Iterator[str]:
    """Whether the template of the last science frame was finished."""
    last = science.frames[-1]
    template = _template(last)
    total = last.cards.get("ESO TPL NEXP")
    if template is None or not isinstance(total, int) or isinstance(total, bool):
        return
    numbers = [_number(last)]
    for frame in reversed(block):
        if frame.mjd_obs <= last.mjd_obs:
            break
        if _template(frame) == template:
            numbers.append(_number(frame))
    if max(numbers) + (_OTHER_ARM if _two_arms(last) else 0) < total:
        what = f"{last.dp_id}: exposure {max(numbers)} of {total} is the last of its template"
        yield f"{what}: it was aborted, or its files are not all here; {_used(science)}"


def _used(science: FrameGroup) -> str:
    return f"the {len(science.frames)} science files there are will be used"


def _template(frame: RawFrame) -> object:
    return frame.cards.get("ESO TPL START")


def _two_arms(frame: RawFrame) -> bool:
    return "irdifs" in str(frame.cards.get("ESO TPL ID") or "").lower()


def _number(frame: RawFrame) -> int:
    value = frame.cards.get("ESO TPL EXPNO")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
