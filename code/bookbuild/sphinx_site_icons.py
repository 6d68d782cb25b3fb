"""Sphinx extension: the icon fonts hold the icons that the site uses, and no others.

The theme ships three Font Awesome fonts (250 kB to load one of some thirty icons). After the build this extension looks
up which icons the pages and style sheets name, writes fonts of those glyphs to ``_static/icons/``, which ``book.css``
declares, and takes the theme's own fonts and its icon script out of the site. An icon without a glyph is a warning.
"""

import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

FONTS = {"solid": "fa-solid-900.ttf", "regular": "fa-regular-400.ttf", "brands": "fa-brands-400.ttf"}
RULE = re.compile(r'((?:\.fa-[\w-]+::?before,?)+)\{content:"(\\[0-9a-f]+|.)"\}')
ICON = re.compile(r"\bfa-([a-z0-9-]+)\b")
PRIVATE = re.compile(r"\\([ef][0-9a-f]{3})(?![0-9a-f])|([\ue000-\uf8ff])")
# Words of the same form that are styles or sizes, and no icons.
NOT_ICONS = {"solid", "regular", "brands", "lg", "xl", "sm", "xs", "fw", "spin", "stack", "inverse", "ul", "li", "pull"}


def icon_table(css: str) -> dict[str, int]:
    r"""Code point of each icon that a Font Awesome style sheet names.

    Examples
    --------
    >>> icon_table('.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}') == {"bars": 0xF0C9, "navicon": 0xF0C9}
    True
    """
    table = {}
    for names, value in RULE.findall(css):
        point = int(value[1:], 16) if value.startswith("\\") else ord(value)
        table.update(dict.fromkeys(re.findall(r"\.fa-([\w-]+)::?before", names), point))
    return table


def used_code_points(out: Path) -> set[int]:
    """Code points that pages name by class, scripts switch to, or style sheets write out."""
    sheets = {path: path.read_text(encoding="utf8") for path in (out / "_static").rglob("*.css")}
    table = {}
    for css in sheets.values():
        table.update(icon_table(css))
    points, unknown = set(), set()
    for css in sheets.values():
        points |= {int(a, 16) if a else ord(b) for a, b in PRIVATE.findall(RULE.sub("", css))}
    theme_scripts = [p for p in (out / "_static" / "scripts").glob("*-theme.js")]
    for page in [*out.glob("*.html"), *(out / "chapters").rglob("*.html"), *theme_scripts]:
        text = page.read_text(encoding="utf8")
        attributes = re.findall(r'class="([^"]*\bfa-[^"]*)"', text) if page.suffix == ".html" else [text]
        for name in {name for classes in attributes for name in ICON.findall(classes)} - NOT_ICONS:
            if name in table:
                points.add(table[name])
            elif page.suffix == ".html":
                unknown.add((name, page.relative_to(out).as_posix()))
    for name, page in sorted(unknown):
        logger.warning("icon fa-%s on %s has no glyph in the theme's style sheet", name, page, type="icons")
    return points


def cut_font(source: Path, points: set[int], target: Path) -> None:
    """Write the part of a font that draws the given code points, as WOFF (it needs no compressor but zlib)."""
    font = TTFont(source, recalcTimestamp=False)
    points = points & set(font.getBestCmap()) or {min(font.getBestCmap())}
    options = subset.Options(flavor="woff", hinting=False, layout_features=[], notdef_outline=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=points)
    cutter.subset(font)
    font.flavor = "woff"
    target.parent.mkdir(parents=True, exist_ok=True)
    font.save(target)


def cut_icon_fonts(app: Sphinx, exception) -> None:
    """Replace the theme's icon fonts and icon script by cut fonts."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    points = used_code_points(out)
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    for name, file in FONTS.items():
        cut_font(theme / "vendor" / "fontawesome" / "webfonts" / file, points, out / "_static" / "icons" / f"{name}.woff")
        for left in (out / "_static" / "vendor" / "fontawesome" / "webfonts").glob(Path(file).stem + ".*"):
            left.unlink(missing_ok=True)
    for left in [*(out / "_static" / "scripts").glob("fontawesome.js*"), *(out / "_static").rglob("*.map")]:
        left.unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("build-finished", cut_icon_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
