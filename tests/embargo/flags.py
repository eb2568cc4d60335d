"""What is doubtful about a star is said on its row, public or not what raised the doubt."""

from urllib.parse import urlencode

from hcvo.catalogue.models import Target
from hcvo.config import Settings
from tests.embargo.finding import Searcher
from tests.embargo.private_rows import Family
from tests.embargo.questions import Question
from tests.embargo.sweep import Client

__all__ = ["told_by_flags"]


def told_by_flags(settings: Settings, private: Family, public: Family) -> list[str]:
    """Let a private observation of a public star flag it; who tells the flag?

    Parameters
    ----------
    settings : Settings
        A running site.
    private : Family
        Whose name the flag holds, as ingest writes it.
    public : Family
        Whose star is flagged.

    Returns
    -------
    list[str]
        Paths that tell it.
    """
    star = public.rows[Target]
    flagged = Target.objects.filter(pk=star.pk)
    (before,) = flagged.values_list("flag", flat=True)
    flagged.update(flag=f"{private.token}-star is 40 arcsec from where the telescope looked")
    client, search = Client(settings), Searcher([private])
    place = {"RA": public.ra, "DEC": public.dec, "SR": 0.1, "VERB": 3, "RESPONSEFORMAT": "votable/td"}
    adql = {"LANG": "ADQL", "QUERY": "SELECT * FROM hci.target", "FORMAT": "votable/td", "MAXREC": 1000000}
    paths = [f"hci/cone/targets/scs.xml?{urlencode(place)}", f"tap/sync?{urlencode(adql)}"]
    try:
        return [path for path in paths if search.families_in(client.ask(Question(path)).body)]
    finally:
        client.close()
        flagged.update(flag=before)
