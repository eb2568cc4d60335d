"""The rule of who may see a row, in plain Python beside the database's function."""

import random
from datetime import UTC, datetime, timedelta

from hcvo.config import Settings
from hcvo.site.database import connect

__all__ = ["differences"]

Rights = tuple[datetime | None, bool, bool, str]


def differences(settings: Settings, count: int, seed: int = 20261201) -> list[Rights]:
    """Rights of which the function ``archive.is_public`` says something else than the rule.

    Parameters
    ----------
    settings : Settings
        A site whose cluster runs.
    count : int
        How many to draw; a third within a second of now, either side.
    seed : int
        Of the draw.

    Returns
    -------
    list[Rights]
        Release time, validated, withdrawn, workspace.
    """
    draw = random.Random(seed)
    session = connect(settings)
    try:
        with session, session.cursor() as ask:
            ask.execute("SELECT now()")
            (now,) = ask.fetchone() or (datetime.now(UTC),)
            rights = [_drawn(draw, now) for _ in range(count)]
            ask.execute(
                "SELECT array_agg(archive.is_public(r, v, w, s) ORDER BY n)"
                " FROM unnest(%s::timestamptz[], %s::boolean[], %s::boolean[], %s::text[])"
                " WITH ORDINALITY AS t(r, v, w, s, n)",
                [list(column) for column in zip(*rights, strict=True)],
            )
            (said,) = ask.fetchone() or ([],)
    finally:
        session.close()
    return [row for row, public in zip(rights, said, strict=True) if public is not _may_be_seen(row, now)]


def _may_be_seen(rights: Rights, now: datetime) -> bool:
    """Released, validated, not withdrawn, in nobody's workspace."""
    release_time, validated, withdrawn, workspace = rights
    if withdrawn or workspace or not validated:
        return False
    return release_time is not None and release_time <= now


def _drawn(draw: random.Random, now: datetime) -> Rights:
    moment = draw.choice(
        (
            None,
            now,
            now + timedelta(microseconds=draw.randint(-1000000, 1000000)),
            now + timedelta(microseconds=draw.choice((-1, 1))),
            now + timedelta(days=draw.uniform(-20000, 20000)),
            datetime(1, 1, 2, tzinfo=UTC),
            datetime(9999, 12, 30, tzinfo=UTC),
        )
    )
    workspace = draw.choice(("", "", "", "zq-workspace", " "))
    return moment, draw.random() < 0.7, draw.random() < 0.3, workspace
