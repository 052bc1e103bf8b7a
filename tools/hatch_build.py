"""What the wheel's build does beside packing: the terminal's page is built into it."""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from build_page import PageError, build


class PageHook(BuildHookInterface[Any]):
    """Needs node only where the page is not there yet; without it the package has none.

    SEAWALL_PAGE=as-is: pack what is there.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or os.environ.get("SEAWALL_PAGE") == "as-is":
            return
        try:
            build(fetch=False)
        except PageError as error:
            self.app.display_warning(f"The terminal has no page: {error}")
