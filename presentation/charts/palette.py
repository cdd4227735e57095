"""The colours of the report, each in a light and a dark scheme.

Charts are drawn in the light colours; in a dark scheme the page's style sheet replaces them one by one, so a
chart may use no colour but these.
"""

from __future__ import annotations

# name: (light, dark)
PALETTE = {
    "surface": ("#ffffff", "#15191d"),
    "ink": ("#101418", "#e8eaed"),
    "muted": ("#57606a", "#a9b1ba"),
    "grid": ("#dde1e6", "#333a42"),
    "alert": ("#b3261e", "#ff8a80"),
    "fill": ("#e6ebf0", "#2a3139"),
    "accent": ("#3d5a80", "#9db8d6"),
    "good": ("#1b6e53", "#5cc39b"),
    # The tiers, best first: told apart with every kind of colour blindness, 3 : 1 or more on the surface.
    "tier_1": ("#c27c00", "#f0b429"),
    "tier_2": ("#0072b2", "#56b4e9"),
    "tier_3": ("#882255", "#e0719c"),
}
LIGHT = {name: light for name, (light, _) in PALETTE.items()}
TIER_COLOURS = [LIGHT["tier_1"], LIGHT["tier_2"], LIGHT["tier_3"]]
# A tier is never told by its colour alone.
TIER_SHAPES = ["circle", "square", "diamond", "triangle-up", "cross"]
TIER_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 4]]


def tier_colour(rank: int) -> str:
    """The light colour of a tier by its place in rank order, from 0; beyond the known ones, grey."""
    return TIER_COLOURS[rank] if rank < len(TIER_COLOURS) else LIGHT["muted"]


def tier_shape(rank: int) -> str:
    """The symbol of a tier by its place in rank order, from 0."""
    return TIER_SHAPES[rank % len(TIER_SHAPES)]


def tier_dash(rank: int) -> list[int]:
    """The stroke dash of a tier by its place in rank order, from 0."""
    return TIER_DASHES[rank % len(TIER_DASHES)]


def scheme_styles() -> str:
    """CSS: the palette as variables, and in a dark scheme on screen the charts' colours replaced."""
    light, dark, charts = [], [], []
    for name, (in_light, in_dark) in PALETTE.items():
        variable = f"--{name.replace('_', '-')}"
        light.append(f"{variable}:{in_light}")
        dark.append(f"{variable}:{in_dark}")
        charts += [f'.chart [{part}="{in_light}"]{{{part}:var({variable})}}' for part in ("fill", "stroke")]
    return (
        f":root{{{';'.join(light)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{';'.join(dark)}}}\n{chr(10).join(charts)}}}"
    )
