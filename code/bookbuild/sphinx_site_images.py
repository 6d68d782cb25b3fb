"""Sphinx extension: every image tells its size and waits until the reader comes near it.

With a width and a height the browser keeps the place free, so that text does not jump when the
picture comes; all but the first image of a page are loaded late. An image without a text
alternative, or with its file name for one (what myst-nb writes when a cell gives none), is a
warning.
"""

import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

PIXELS = {"": 1, "px": 1, "pt": 96 / 72, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}
LENGTH = re.compile(r"([\d.]+)(px|pt|in|cm|mm)?$")
TAG = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^":]+)"')
FILE_NAME = re.compile(r"^\S*\.(svg|png|jpe?g|gif|webp)$", re.I)


@cache
def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image file in CSS pixels, or None where it does not say."""
    if path.suffix != ".svg":
        with Image.open(path) as image:
            return image.size
    root = ElementTree.parse(path).getroot()
    sizes = [LENGTH.match(root.get(name, "")) for name in ("width", "height")]
    if all(sizes):
        return tuple(round(float(size[1]) * PIXELS[size[2] or ""]) for size in sizes)
    box = (root.get("viewBox") or "").replace(",", " ").split()
    return (round(float(box[2])), round(float(box[3]))) if len(box) == 4 else None


def sized(page: Path, text: str) -> str:
    """Return a page with sizes and late loading in its image tags; done twice, it is the same."""
    count = 0

    def one(match):
        nonlocal count
        tag, source = match.group(0), SOURCE.search(match.group(0))
        file = (page.parent / source.group(1).split("?")[0]) if source else None
        if file is None or not file.is_file():
            return tag
        count += 1
        more = ""
        size = (
            None
            if re.search(r"\swidth=|\sstyle=\"[^\"]*width", tag)
            else image_size(file.resolve())
        )
        if size and all(size):
            more += f' width="{size[0]}" height="{size[1]}"'
        if count > 1 and " loading=" not in tag:
            more += ' loading="lazy" decoding="async"'
        return tag[:4] + more + tag[4:]

    return TAG.sub(one, text)


def size_images(app: Sphinx, exception) -> None:
    """Rewrite the image tags of all pages."""
    if exception or app.builder.format != "html":
        return
    image_size.cache_clear()
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf8")
        changed = sized(page, text)
        if changed != text:
            page.write_text(changed, encoding="utf8")


def check_alternatives(app: Sphinx, doctree, docname: str) -> None:
    """Warn of images that say nothing to those who do not see them."""
    for image in doctree.findall(nodes.image):
        alternative = (image.get("alt") or "").strip()
        if not alternative or FILE_NAME.match(alternative):
            logger.warning(
                "image %s has no text alternative",
                image.get("uri"),
                location=image,
                type="images",
                subtype="alt",
            )


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("doctree-resolved", check_alternatives)
    app.connect("build-finished", size_images)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
