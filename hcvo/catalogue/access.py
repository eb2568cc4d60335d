"""May this reader have this row, and its file? What is not public leaves through this question only.

DaCHS holds public rows alone and asks nothing; pages and interfaces with a log-in ask here.
"""

from dataclasses import dataclass

from django.db.models import BooleanField, F, Func, QuerySet

from hcvo.catalogue.models.rights import Guarded
from hcvo.published.ddl import RULE_COLUMNS

__all__ = ["Reader", "may_read"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is known by a log-in; without arguments, anybody.

    Attributes
    ----------
    account : str
        Name of the account; empty: nobody in particular.
    workspaces : frozenset[str]
        Workspaces the account belongs to.
    operator : bool
        Runs the archive: may have everything.
    """

    account: str = ""
    workspaces: frozenset[str] = frozenset()
    operator: bool = False


def may_read(reader: Reader, row: Guarded) -> bool:
    """Whether a reader may have a row of the catalogue and, where it is a file's, the file.

    Parameters
    ----------
    reader : Reader
        Who asks.
    row : Guarded
        A product, a raw frame or any other row with rights; its rights are those the database has now,
        whatever the row held in memory says.

    Returns
    -------
    bool
        Public, or the reader's own, or of one of their workspaces; an operator's always; False for a row that
        is gone.
    """
    public = Func(*map(F, RULE_COLUMNS), function="archive.is_public", output_field=BooleanField())
    rights: QuerySet[Guarded] = QuerySet(type(row)).filter(pk=row.pk)
    found = rights.values_list("owner", "workspace", public).first()
    if found is None:
        return False
    owner, workspace, is_public = found
    owns = bool(owner) and owner == reader.account
    belongs = bool(workspace) and workspace in reader.workspaces
    return bool(is_public or reader.operator or owns or belongs)
