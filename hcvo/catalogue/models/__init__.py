"""Tables of the catalogue, one subject a file."""

from hcvo.catalogue.models.ao_condition import AoCondition
from hcvo.catalogue.models.contrast import Contrast
from hcvo.catalogue.models.detection import Detection
from hcvo.catalogue.models.missing_calibration import MissingCalibration
from hcvo.catalogue.models.observation import Observation, Programme
from hcvo.catalogue.models.process import Process, ProcessInput
from hcvo.catalogue.models.product import Product
from hcvo.catalogue.models.quality_number import QualityNumber
from hcvo.catalogue.models.raw_frame import RawFrame
from hcvo.catalogue.models.rights import Guarded
from hcvo.catalogue.models.science_plane import SciencePlane
from hcvo.catalogue.models.target import Target

__all__ = [
    "AoCondition",
    "Contrast",
    "Detection",
    "Guarded",
    "MissingCalibration",
    "Observation",
    "Process",
    "ProcessInput",
    "Product",
    "Programme",
    "QualityNumber",
    "RawFrame",
    "SciencePlane",
    "Target",
]
