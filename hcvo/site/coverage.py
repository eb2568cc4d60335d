"""Where on the sky, when and at which energies the public data lie, for the registry and as a MOC file."""

from hcvo.config import Settings
from hcvo.site import dachs
from hcvo.site.account import server_account

__all__ = ["MOC", "refresh"]

MOC = "hci/sia/v2/coverage"
"""Where the site delivers the spatial coverage, as a FITS file."""
_MEASURED = "hci/q"
"""Descriptor that says from which tables the coverage comes; the others take it from there."""


def refresh(settings: Settings) -> None:
    """Compute the coverage from what is public now, and put it into the registry's records.

    What is released later is not in it until the next time, what is withdrawn no longer: to be run each day.
    The servers tell the new one within 10 seconds.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose servers run.

    Notes
    -----
    SiteError if DaCHS fails.
    """
    account = server_account(settings)
    dachs.run(settings, account, "limits", "-t", _MEASURED)
    for path in settings.dachs_inputs.rglob("*.rd"):  # DaCHS reads them again, with their coverage
        account.write(path, path.read_text(encoding="utf-8"))
    dachs.publish(settings, account)
