"""Which of two products makes their process public."""

from datetime import UTC, datetime

import pytest

from hcvo.catalogue.models import Process, ProcessInput
from hcvo.catalogue.rights import share_rights
from hcvo.config import Settings
from tests.hcvo.catalogue import rows

_LONG_AGO, _LATER = datetime(2015, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("closed", "open_"),
    [
        (rows.rights(_LONG_AGO, validated=False), rows.rights(_LATER)),
        (rows.rights(_LONG_AGO, withdrawn=True), rows.rights(_LATER)),
        (rows.rights(_LONG_AGO, withdrawn=True), rows.rights(_LATER, validated=False)),
        (rows.rights(None), rows.rights(_LATER)),
        (rows.rights(_LATER), rows.rights(_LONG_AGO)),
    ],
)
def test_the_most_public_product_decides(
    catalogue: Settings, closed: dict[str, object], open_: dict[str, object]
) -> None:
    del catalogue
    first, second = rows.family(**closed), rows.family(**open_)
    second.process = first.process
    second.save()
    for products in ([first, second], [second, first]):
        share_rights(first.process, products)
        names = tuple(open_)
        assert Process.objects.values(*names).get(pk=first.process.pk) == open_
        assert ProcessInput.objects.filter(process=first.process).values(*names).first() == open_
    share_rights(first.process, [first])
    assert Process.objects.values(*closed).get(pk=first.process.pk) == closed
