"""Numbers parted by commas, as users write them."""

import click

__all__ = ["NUMBERS"]


class _Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers parted by commas."""

    name = "number[,number...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Text to numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a number, nor numbers parted by commas", param, ctx)


NUMBERS = _Numbers()
"""Type of an option."""
