"""Peak memory of this process; needs nothing but Linux, so that a peer's environment can read it too."""

import re
from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> float:
    """Most memory ever resident, MiB (VmHWM; ``getrusage`` would hand on the parent's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM, wanted Linux's")
    return int(found[1]) / 1024
