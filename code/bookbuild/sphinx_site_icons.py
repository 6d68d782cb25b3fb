"""Sphinx extension: the icon fonts hold the icons that the site uses, and no others.

The theme ships three Font Awesome fonts (250 kB to load one of some thirty icons). After the
build this extension looks up which icons the pages and style sheets name, writes fonts of those
glyphs to ``_static/icons/``, which ``book.css`` declares, and takes the theme's own fonts, its
icon script and its two thousand unused icon rules out of the site. An icon that the theme does
not know is a warning.
"""

import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

FONTS = {
    "solid": "fa-solid-900.ttf",
    "regular": "fa-regular-400.ttf",
    "brands": "fa-brands-400.ttf",
}
RULE = re.compile(r'((?:\.fa-[\w-]+::?before,?)+)\{content:"(\\[0-9a-f]+|.)"\}')
ICON = re.compile(r"\bfa-([a-z0-9-]+)\b")
PRIVATE = re.compile(r"\\([ef][0-9a-f]{3})(?![0-9a-f])|([\ue000-\uf8ff])")
# Words of the same form that are styles or sizes, and no icons.
NOT_ICONS = {
    "solid",
    "regular",
    "brands",
    "lg",
    "xl",
    "sm",
    "xs",
    "fw",
    "spin",
    "stack",
    "inverse",
    "ul",
    "li",
    "pull",
}


def icon_table(css: str) -> dict[str, int]:
    r"""Code point of each icon that a Font Awesome style sheet names.

    Examples
    --------
    >>> icon_table('.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}')
    {'bars': 61641, 'navicon': 61641}
    """
    table = {}
    for names, value in RULE.findall(css):
        point = int(value[1:], 16) if value.startswith("\\") else ord(value)
        table.update(dict.fromkeys(re.findall(r"\.fa-([\w-]+)::?before", names), point))
    return table


def used_icons(out: Path, table: dict[str, int]) -> set[str]:
    """Names of the icons that pages use by class or that the theme's scripts switch to."""
    used, unknown = set(), set()
    for page in [
        *out.glob("*.html"),
        *(out / "chapters").rglob("*.html"),
        *(out / "_static" / "scripts").glob("*-theme.js"),
    ]:
        text = page.read_text(encoding="utf8")
        attributes = (
            re.findall(r'class="([^"]*\bfa-[^"]*)"', text) if page.suffix == ".html" else [text]
        )
        for name in {name for classes in attributes for name in ICON.findall(classes)} - NOT_ICONS:
            if name in table:
                used.add(name)
            elif page.suffix == ".html":
                unknown.add((name, page.relative_to(out).as_posix()))
    for name, page in sorted(unknown):
        logger.warning(
            "icon fa-%s on %s has no glyph in the theme's style sheet", name, page, type="icons"
        )
    return used


def written_code_points(css: str) -> set[int]:
    """Code points that a style sheet writes out by itself, outside the rules for icon names."""
    return {int(a, 16) if a else ord(b) for a, b in PRIVATE.findall(RULE.sub("", css))}


def cut_rules(css: str, used: set[str]) -> str:
    """Leave out the rules of icons that nobody uses, and the fonts that the cut fonts replace."""
    css = RULE.sub(
        lambda rule: (
            rule.group(0) if used & set(re.findall(r"\.fa-([\w-]+)::?before", rule[1])) else ""
        ),
        css,
    )
    return re.sub(r"@font-face\{[^}]*fontawesome/webfonts[^}]*\}", "", css)


def cut_font(source: Path, points: set[int], target: Path) -> None:
    """Write the part of a font that draws the given code points, as WOFF (it needs only zlib)."""
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
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    sheet = Path("styles") / "pydata-sphinx-theme.css"
    css = (theme / sheet).read_text(
        encoding="utf8"
    )  # from the theme, not from the site: a second build starts over
    table = icon_table(css)
    used = used_icons(out, table)
    (out / "_static" / sheet).write_text(cut_rules(css, used), encoding="utf8")
    points = {table[name] for name in used}
    for path in (out / "_static").rglob("*.css"):
        points |= written_code_points(path.read_text(encoding="utf8"))
    for name, file in FONTS.items():
        cut_font(
            theme / "vendor" / "fontawesome" / "webfonts" / file,
            points,
            out / "_static" / "icons" / f"{name}.woff",
        )
        for left in (out / "_static" / "vendor" / "fontawesome" / "webfonts").glob(
            Path(file).stem + ".*"
        ):
            left.unlink(missing_ok=True)
    for left in [
        *(out / "_static" / "scripts").glob("fontawesome.js*"),
        *(out / "_static").rglob("*.map"),
    ]:
        left.unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("build-finished", cut_icon_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
