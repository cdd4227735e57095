"""The graph of the tables as one picture or one page, which ask nothing of any server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from docs.generate.tables import LAYERS, Table

BOX_WIDTH, BOX_HEIGHT, LANE_HEIGHT = 210, 46, 14
COLUMN_STEP, GAP, MARGIN, HEADER = 300, 18, 24, 40
SWEEPS = 8
COLORS = {"raw": "#f3e8d8", "reference": "#ece7f6", "staging": "#e1f0e8", "marts": "#dcebfa", "reports": "#fae3e3"}
OTHER_COLOR = "#eeeeee"


@dataclass(frozen=True)
class Place:
    """Where a box, or an edge on its way past a column, stands: the left end and the middle of its height."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """Places of the tables by name, the way of each edge through the columns, and the size of all."""

    places: dict[str, Place]
    ways: dict[tuple[str, str], list[Place]]
    columns: list[tuple[str, float]]
    width: float
    height: float


def arrange(tables: list[Table]) -> Layout:
    """The tables in columns, layer by layer from left to right, every table right of what it reads.

    Within a column they are ordered so that few edges cross; an edge that passes a column has a place
    there too (Sugiyama, Tagawa and Toda, IEEE Transactions on Systems, Man and Cybernetics 11 (1981) 109-125).
    """
    column_of, layer_of = _columns(tables)
    graph = nx.DiGraph()
    graph.add_nodes_from((table.name, {"column": column_of[table.name], "is_box": True}) for table in tables)
    ways: dict[tuple[str, str], list] = {}
    for table in tables:
        for parent in table.parents:
            passed = range(column_of[parent] + 1, column_of[table.name])
            lanes = [(parent, table.name, column) for column in passed]
            graph.add_nodes_from((lane, {"column": lane[2], "is_box": False}) for lane in lanes)
            ways[parent, table.name] = [parent, *lanes, table.name]
            nx.add_path(graph, ways[parent, table.name])
    places = _places(graph)
    height = max((place.y for place in places.values()), default=0) + BOX_HEIGHT / 2 + MARGIN
    width = 2 * MARGIN + max(column_of.values(), default=0) * COLUMN_STEP + BOX_WIDTH
    return Layout(
        {table.name: places[table.name] for table in tables},
        {edge: [places[node] for node in way] for edge, way in ways.items()},
        [(layer, MARGIN + column * COLUMN_STEP) for column, layer in layer_of.items()],
        width,
        height,
    )


def _columns(tables: list[Table]) -> tuple[dict[str, int], dict[int, str]]:
    """The column of each table, and the layers that a column holds where it is their first."""
    parents = {table.name: set(table.parents) for table in tables}
    layer_of_table = {table.name: table.layer for table in tables}
    order = list(nx.topological_sort(nx.DiGraph((parent, name) for name in parents for parent in parents[name])))
    order += [name for name in parents if name not in order]
    # Seeds stand beside the raw tables: both come from outside.
    ranks = [{"raw", "reference"}, *({layer} for layer in LAYERS[2:])]
    ranks.append({table.layer for table in tables} - set(LAYERS))
    column_of: dict[str, int] = {}
    titles: dict[int, str] = {}
    start = 0
    for rank in ranks:
        members = [name for name in order if layer_of_table[name] in rank]
        if not members:
            continue
        titles[start] = ", ".join(layer for layer in dict.fromkeys((*LAYERS, *sorted(rank))) if layer in rank)
        for name in members:
            column_of[name] = max([start, *(column_of[parent] + 1 for parent in parents[name] if parent in column_of)])
        start = max(column_of[name] for name in members) + 1
    return column_of, titles


def _places(graph: nx.DiGraph) -> dict:
    columns: dict[int, list] = {}
    for node, column in graph.nodes(data="column"):
        columns.setdefault(column, []).append(node)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in sorted(columns, reverse=not forward):
            rank = {node: position for nodes in columns.values() for position, node in enumerate(nodes)}
            neighbours = graph.predecessors if forward else graph.successors

            def barycentre(node, rank=rank, neighbours=neighbours) -> float:
                ranks = [rank[other] for other in neighbours(node)]
                return sum(ranks) / len(ranks) if ranks else rank[node]

            columns[column].sort(key=barycentre)
    sizes = {node: BOX_HEIGHT if is_box else LANE_HEIGHT for node, is_box in graph.nodes(data="is_box")}
    heights = {column: sum(sizes[node] + GAP for node in nodes) - GAP for column, nodes in columns.items()}
    tallest = max(heights.values(), default=0)
    places = {}
    for column, nodes in columns.items():
        top = MARGIN + HEADER + (tallest - heights[column]) / 2
        for node in nodes:
            places[node] = Place(MARGIN + column * COLUMN_STEP, top + sizes[node] / 2)
            top += sizes[node] + GAP
    return places


def svg(tables: list[Table], has_links: bool = False) -> str:
    """The graph as SVG.

    Args:
        has_links: each box leads to `#schema.table` of the page around it.
    """
    layout = arrange(tables)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {layout.width:g} {layout.height:g}",
            "width": f"{layout.width:g}",
            "height": f"{layout.height:g}",
            "font-family": "system-ui, 'Liberation Sans', 'DejaVu Sans', sans-serif",
        },
    )
    ElementTree.SubElement(root, "title").text = "Tables of mentor-analytics, from the raw files to the reports"
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    for layer, x in layout.columns:
        text = {"x": f"{x:g}", "y": f"{MARGIN + 14}", "font-size": "15", "font-weight": "600", "fill": "#444444"}
        ElementTree.SubElement(root, "text", text).text = layer
    for (parent, name), way in sorted(layout.ways.items()):
        edge = ElementTree.SubElement(
            root, "path", {"d": _curve(way), "fill": "none", "stroke": "#8a94a3", "stroke-width": "1.4"}
        )
        ElementTree.SubElement(edge, "title").text = f"{name} reads {parent}"
    for table in tables:
        around = ElementTree.SubElement(root, "a", {"href": f"#{table.name}"}) if has_links else root
        _box(around, table, layout.places[table.name])
    return ElementTree.tostring(root, encoding="unicode")


def _curve(way: list[Place]) -> str:
    """A line from the right side of the first place to the left side of the last, level where it passes a column."""
    first, *rest = way
    parts = [f"M{first.x + BOX_WIDTH:g},{first.y:g}"]
    x, y = first.x + BOX_WIDTH, first.y
    for place in rest:
        middle = (x + place.x) / 2
        parts.append(f"C{middle:g},{y:g} {middle:g},{place.y:g} {place.x:g},{place.y:g}")
        x, y = place.x, place.y
        if place is not rest[-1]:
            x += BOX_WIDTH
            parts.append(f"H{x:g}")
    return " ".join(parts)


def _box(around: ElementTree.Element, table: Table, place: Place) -> None:
    group = ElementTree.SubElement(around, "g")
    ElementTree.SubElement(group, "title").text = table.description
    shape = {
        "x": f"{place.x:g}",
        "y": f"{place.y - BOX_HEIGHT / 2:g}",
        "width": f"{BOX_WIDTH}",
        "height": f"{BOX_HEIGHT}",
        "rx": "6",
        "fill": COLORS.get(table.layer, OTHER_COLOR),
        "stroke": "#8a94a3",
    }
    ElementTree.SubElement(group, "rect", shape)
    x = f"{place.x + 12:g}"
    name = {"x": x, "y": f"{place.y - 3:g}", "font-size": "14", "fill": "#1b1f24"}
    ElementTree.SubElement(group, "text", name).text = table.name.split(".", 1)[1]
    kind = {"x": x, "y": f"{place.y + 14:g}", "font-size": "11", "fill": "#4a5260"}
    ElementTree.SubElement(group, "text", kind).text = table.kind


def page(tables: list[Table]) -> str:
    """The graph with a table of every table's columns below, as one HTML page without scripts."""
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    return templates.get_template("lineage.html").render(svg=Markup(svg(tables, has_links=True)), tables=tables)
