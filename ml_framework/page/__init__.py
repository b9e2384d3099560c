"""The cluster's page: what the application master knows, for a browser.

`view` says what is shown and asked for, and the AM implements it; `api` is its JSON; `access` says who may
look; `server` listens, on the AM's own loop; `static` is the page itself, without anything to build.

Importing this package does not import what serves the page: an AM without a page does without.
"""

from ml_framework.page.view import Series, Transition, View

__all__ = ["Series", "Transition", "View"]
