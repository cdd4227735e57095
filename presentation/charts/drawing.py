"""Charts as SVG and PNG, drawn without a browser and without a network."""

from __future__ import annotations

from xml.etree import ElementTree

import altair as alt
import vl_convert

from presentation.charts.catalogue import CHARTS
from presentation.content import Figure, printable
from presentation.document import Row

SVG = "http://www.w3.org/2000/svg"
PNG_SCALE = 2
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def draw(document: Row, figures: list[Figure]) -> dict[str, str]:
    """The figures of an answer document as SVG, by name."""
    return {f.name: svg(CHARTS[f.name](document), f.name, f.title, f.description) for f in figures}


def warm_up() -> None:
    """Start the drawing engine, which takes longer than most charts."""
    vl_convert.vegalite_to_svg({"mark": "point"}, vl_version=_vega_lite(), allowed_base_urls=[])


def svg(chart: alt.TopLevelMixin, name: str, title: str, description: str) -> str:
    """The chart as one `<svg>` element that names and describes itself to those who do not see it.

    Args:
        name: a prefix of every id in it, so that many charts fit into one page.
    """
    drawn = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=_vega_lite(), allowed_base_urls=[])
    root = ElementTree.fromstring(drawn)
    # The library numbers its ids through the life of a process; here they start anew with every chart.
    identified = [element for element in root.iter() if element.get("id")]
    names = {element.get("id"): f"{name}-{number}" for number, element in enumerate(identified)}
    for element in root.iter():
        for key, value in element.attrib.items():
            referred = value.removeprefix("url(#").removesuffix(")")
            if key == "id":
                element.set(key, names[value])
            elif value.startswith("url(#") and referred in names:
                element.set(key, f"url(#{names[referred]})")
    # A chart is one picture to those who do not see it; its parts have no names of their own.
    for element in root.iter():
        for key in [key for key in element.attrib if key == "role" or key.startswith("aria-")]:
            del element.attrib[key]
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}", id=f"{name}-{tag}")
        element.text = printable(text)
        root.insert(position, element)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    root.set("class", "chart")
    return ElementTree.tostring(root, encoding="unicode")


def png(drawn: str) -> bytes:
    """An SVG as PNG, twice its size for print and sharp screens."""
    return vl_convert.svg_to_png(drawn, scale=PNG_SCALE)


def _vega_lite() -> str:
    """The Vega-Lite version that Altair writes, as vl-convert names it: 6.1 for v6.1.0."""
    return ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
