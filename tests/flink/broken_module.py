"""A module of a user's that cannot be imported."""

import a_package_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401


def main(ctx: object) -> None:
    """Never reached."""
