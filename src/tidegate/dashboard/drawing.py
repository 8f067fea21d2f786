"""Templates: everything that is shown is escaped, an unknown name is an error, and parts are drawn as whole pages are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tidegate import __version__
from tidegate.dashboard.assets import Assets
from tidegate.dashboard.charts import scale, spark
from tidegate.dashboard.charts.forest import arm_kinds, forests
from tidegate.dashboard.charts.histograms import histograms
from tidegate.dashboard.charts.narrowing import levels, narrowing
from tidegate.dashboard.charts.river import river
from tidegate.dashboard.charts.shares import routed_parts, served_parts, tried_weight
from tidegate.dashboard.health import health
from tidegate.dashboard.looking import Context, Page
from tidegate.dashboard.markdown import markdown
from tidegate.dashboard.side_by_side import side_by_side
from tidegate.dashboard.wording import FILTERS, VERDICTS


class Drawing:
    """Draws pages and their parts."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("tidegate.dashboard"),
            autoescape=select_autoescape(default_for_string=True, default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS, markdown=markdown, side_by_side=side_by_side)
        self._environment.globals.update(
            asset=assets.address,
            product_version=__version__,
            verdict_shapes=VERDICTS,
            picture=(scale.WIDTH, scale.HEIGHT),
            spark=spark.spark,
            river=river,
            health=health,
            arm_kinds=arm_kinds,
            forests=forests,
            histograms=histograms,
            served_parts=served_parts,
            routed_parts=routed_parts,
            tried_weight=tried_weight,
            narrowing=narrowing,
            levels=levels,
        )

    def whole(self, template: str, context: Context) -> str:
        """A page."""
        return self._environment.get_template(template).render(context)

    def parts(self, page: Page, context: Context) -> Iterator[tuple[str, str]]:
        """Name and HTML of each part that lives."""
        for name in page.parts:
            yield name, self._environment.get_template(f"parts/{name}.html").render(context)


def as_message(parts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> bytes:
    """A server-sent event that puts each part into its place, keeping focus and what is open there."""
    return b"".join(_data(name, html) for name, html in parts) + b"\n"


def _data(name: str, html: str) -> bytes:
    partial = f'<hx-partial hx-target="#part-{name}" hx-swap="innerMorph">{html}</hx-partial>'
    return "".join(f"data: {line}\n" for line in partial.splitlines()).encode()


def problem_context(error: Any) -> Context:
    """What the page of an error shows."""
    return {"message": error.message, "remedy": error.remedy, "code": error.code, "status": error.status}
