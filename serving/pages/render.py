"""A page from what is on it: the same whether it is served or written to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from serving.pages.ledgers import changed, why
from serving.pages.measures import compared
from serving.pages.periods import FIGURES, periods_of
from serving.pages.shown import Shown
from serving.pages.team import funnel_parts, odds_scale, paired

if TYPE_CHECKING:
    from jinja2 import Environment

_PARTS = {
    "why": why,
    "changed": changed,
    "compared": compared,
    "periods_of": periods_of,
    "figures": FIGURES,
    "funnel_parts": funnel_parts,
    "odds_scale": odds_scale,
    "paired": paired,
}
TEMPLATES = ("pipeline", "week", "alerts", "deal", "similar", "models", "forecast", "team", "error")


@dataclass(frozen=True)
class Link:
    """A place in the navigation: which page it is, and where."""

    page: str
    href: str


# The pages that there are, in their order; a further one is a line here and a text `nav.<page>`.
NAVIGATION = (
    Link("pipeline", "/"),
    Link("week", "/week"),
    Link("alerts", "/alerts"),
    Link("forecast", "/forecast"),
    Link("team", "/team"),
    Link("models", "/models"),
)


@dataclass(frozen=True)
class Site:
    """Where a page stands: who reads it, and how it reaches its neighbours.

    Attributes:
        navigation: the pages that there are.
        deal, asset: the address of a deal's page, and of a file of `assets`.
        languages: the addresses of the same page in each language.
        live: whether a server answers; without one there are no forms.
        theme: "light" or "dark" where the reader chose; "" as the device has it.
    """

    shown: Shown
    deal: Callable[[str], str]
    asset: Callable[[str], str]
    navigation: Sequence[Link] = NAVIGATION
    languages: Mapping[str, str] | None = None
    live: bool = True
    theme: str = ""


def render(page: str, site: Site, context: Mapping[str, Any]) -> str:
    """The HTML of a page; every value in it is escaped.

    Args:
        page: one of `TEMPLATES`.
        context: what is on the page: the API's answers, and what was asked.
    """
    template = _environment().get_template(f"{page}.html")
    return template.render(context, page=page, site=site, shown=site.shown, t=site.shown.text, **_PARTS)


def prepare() -> None:
    """Have the templates read and compiled, which takes some 100 ms."""
    for name in TEMPLATES:
        _environment().get_template(f"{name}.html")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("serving.pages") / "templates"
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
