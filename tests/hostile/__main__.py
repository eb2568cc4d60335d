"""``python -m tests.hostile``: all bad requests to a site of its own, those with a wrong answer shown."""

import sys
from collections import Counter
from collections.abc import Sequence

import click

from hcvo.report import Row, publish_report
from hcvo.site.up import bring_up
from tests.fixtures_site import _without_waiting, throwaway_settings
from tests.hcvo.site.archive import plant
from tests.hostile.by_hand import by_hand
from tests.hostile.drawn import drawn
from tests.hostile.judging import Judged, alive, judge, new_jobs, planted_secrets

_LIMIT_S = 75.0
"""The site's own limit for a synchronous query, 60 s, and the time to say so."""


@click.command()
@click.option("--count", default=2000, show_default=True, help="Requests to draw, beside those by hand.")
def main(count: int) -> None:
    """Send them one after the other; exit code 1 when one is answered wrongly."""
    with throwaway_settings() as settings:
        _without_waiting(settings)
        bring_up(settings)
        planted = plant(settings)
        secrets, port, image = planted_secrets(), settings.dachs.port, planted.accref("image")
        rows = [
            row
            for case, requests in (
                ("by hand", by_hand(image, new_jobs(port))),
                ("drawn", iter(drawn(count, image))),
            )
            for row in _rows(
                case, list(judge(port, requests, secrets, limit_s=_LIMIT_S)), living=alive(settings.base_url)
            )
        ]
    sys.exit(0 if publish_report("test-hostile", rows) else 1)


def _rows(case: str, found: Sequence[Judged], *, living: bool) -> list[Row]:
    for one in found:
        if one.wrong:
            click.echo(f"{case}: {one.request.what}: {one.wrong}")
    wrong = [one for one in found if one.wrong]
    statuses = Counter((one.answer.status or 0) // 100 for one in found)
    slowest = max((one.answer.seconds for one in found if not one.request.unfinished), default=0.0)
    return [
        Row(case, "requests sent", len(found), "", "", ok=True),
        Row(case, "answered wrongly", len(wrong), "", "0", ok=not wrong),
        *(
            Row(case, f"answers {number}xx" if number else "connections ended", many, "", "", ok=True)
            for number, many in sorted(statuses.items())
        ),
        Row(case, "slowest answer", slowest, "s", f"<= {_LIMIT_S:.0f}", ok=slowest <= _LIMIT_S),
        Row(case, "answers a good query afterwards", "yes" if living else "no", "", "yes", ok=living),
    ]


if __name__ == "__main__":
    main()
