"""What ran, on what, with what."""

from django.db import models

from hcvo.catalogue.models.raw_frame import RawFrame
from hcvo.catalogue.models.rights import Guarded
from hcvo.model.provenance import ProcessState

__all__ = ["Process", "ProcessInput"]


class Process(Guarded):
    """One run of one recipe; its id comes from an identity sequence and is never used again."""

    recipe = models.TextField()
    version = models.TextField(help_text="version of the recipe's code")
    parameters = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="SHA-256 of recipe, version, parameters, inputs")
    state = models.TextField(choices=[(state.value, state.value) for state in ProcessState])
    started = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    host = models.TextField()
    worker = models.TextField(default="", help_text="pid, its start and the boot: is it still alive?")
    libraries = models.JSONField(default=dict, help_text="library to version, and the CPU")
    log = models.TextField(default="", help_text="path of its log file")
    error = models.TextField(default="", help_text="why it failed")
    intended = models.JSONField(default=list, help_text="accrefs about to be moved into the store")

    class Meta:
        db_table = "process"
        indexes = (
            models.Index(fields=("digest",), name="process_digest"),
            models.Index(fields=("host",), name="process_running", condition=models.Q(state="running")),
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.recipe}"


class ProcessInput(Guarded):
    """One file a process read."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="inputs")
    role = models.TextField()
    name = models.TextField(help_text="dp_id of a raw frame or file name of a product")
    sha256 = models.CharField(max_length=64)
    raw_frame = models.ForeignKey(RawFrame, on_delete=models.PROTECT, null=True, related_name="uses")
    product = models.ForeignKey("Product", on_delete=models.PROTECT, null=True, related_name="uses")

    class Meta:
        db_table = "process_input"
        constraints = (
            models.UniqueConstraint(fields=("process", "role", "name"), name="process_input_once"),
        )

    def __str__(self) -> str:
        return f"{self.role} {self.name}"
