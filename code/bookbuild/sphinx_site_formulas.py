r"""Sphinx extension: formulas are set when the book is built, not in the reader's browser.

KaTeX is a script; it runs here in V8 (``py_mini_racer``), once per distinct formula, and leaves
HTML for the eye and MathML for screen readers. The page needs KaTeX's style sheet and fonts, and
no script. A formula that KaTeX does not understand is a warning that names the page, and warnings
fail the build.

Because this is a math renderer of Sphinx's own kind, equation numbers and ``{eq}`` references are
Sphinx's, nothing is rewritten afterwards, and an incremental build cannot set a formula twice.
"""

import html
import json
import os
import re
from functools import cache, lru_cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

SET_FORMULA = """
function setFormula(tex, display) {
  try {
    return JSON.stringify({html: katex.renderToString(tex, {
      displayMode: display, output: "htmlAndMathml", throwOnError: true, strict: "ignore"})});
  } catch (error) { return JSON.stringify({error: String(error.message || error)}); }
}
"""

# Environments that number their lines. Sphinx numbers equations, so KaTeX must not.
NUMBERED_ENVIRONMENT = re.compile(r"\\(begin|end)\{(align|alignat|gather|equation|multline)\}")
# Formulas in tables and other HTML that a cell printed: $...$ or \(...\), not across tags.
FORMULA_IN_HTML = re.compile(
    r"\\\(([^<>]+?)\\\)|(?<![\\$\w])\$(?=[^\s$])([^$<>\n]+?)(?<=[^\s\\])\$(?![\w$])"
)
UNTOUCHED_HTML = re.compile(
    r"(<(?:script|style|pre|code|textarea|svg|math)\b.*?</(?:script|style|pre|code|textarea|svg|math)>|<[^>]*>)",
    re.S | re.I,
)


class FormulaError(ValueError):
    """KaTeX could not read a formula."""


@lru_cache(maxsize=2)
def _context(script: str, process: int) -> MiniRacer:
    """One V8 context with KaTeX in it, for each process (V8 does not survive a fork)."""
    context = MiniRacer()
    context.eval(Path(script).read_text(encoding="utf8"))
    context.eval(SET_FORMULA)
    return context


@cache
def set_formula(script: str, tex: str, display: bool = False) -> str:
    """Set one formula.

    Parameters
    ----------
    script : str
        Path of ``katex.min.js``.
    tex : str
        The formula, without dollar signs.
    display : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        HTML with MathML inside.

    Raises
    ------
    FormulaError
        With KaTeX's message.
    """
    answer = json.loads(_context(script, os.getpid()).call("setFormula", tex, display))
    if "error" in answer:
        raise FormulaError(answer["error"])
    return answer["html"]


def display_tex(tex: str) -> str:
    r"""Return what KaTeX needs for a displayed formula that was written for Sphinx.

    Lines ended by ``\\`` outside an environment are aligned at ``&``; numbering environments
    lose their numbers.

    Examples
    --------
    >>> display_tex(r"a &= b \\ c &= d")
    '\\begin{aligned}a &= b \\\\ c &= d\\end{aligned}'
    >>> display_tex(r"\begin{align}a &= b\end{align}")
    '\\begin{align*}a &= b\\end{align*}'
    """
    tex = NUMBERED_ENVIRONMENT.sub(r"\\\1{\2*}", tex.strip())
    if "\\\\" in tex and "\\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    return tex


def _markup(translator, tex: str, display: bool, node) -> str:
    try:
        return set_formula(translator.builder.app.formula_script, tex, display)
    except FormulaError as error:
        logger.warning("formula %r: %s", tex, error, location=node, type="formula", subtype="katex")
        return f"<code>{html.escape(tex)}</code>"


def visit_math(translator, node) -> None:
    """Write an inline formula."""
    translator.body.append(
        translator.starttag(node, "span", "", CLASS="math notranslate nohighlight")
    )
    translator.body.append(_markup(translator, node.astext().strip(), False, node) + "</span>")
    raise nodes.SkipNode


def visit_math_block(translator, node) -> None:
    """Write a displayed formula, with its number and the link to it where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(_markup(translator, display_tex(node.astext()), True, node) + "</div>\n")
    raise nodes.SkipNode


def set_formulas_in_html(app: Sphinx, doctree, docname: str) -> None:
    """Set the formulas in HTML that cells printed, where a notebook would set them too."""
    if app.builder.format != "html":
        return
    for node in doctree.findall(nodes.raw):
        if node.get("format") != "html" or not (
            "$" in node.rawsource or "$" in node.astext() or "\\(" in node.astext()
        ):
            continue

        def replace(match, node=node):
            tex = html.unescape(match.group(1) or match.group(2)).strip()
            try:
                return f'<span class="math">{set_formula(app.formula_script, tex, False)}</span>'
            except FormulaError as error:
                logger.warning(
                    "formula %r: %s",
                    tex,
                    error,
                    location=(docname, node.line),
                    type="formula",
                    subtype="katex",
                )
                return match.group(0)

        pieces = UNTOUCHED_HTML.split(node.astext())
        text = "".join(
            piece if i % 2 else FORMULA_IN_HTML.sub(replace, piece)
            for i, piece in enumerate(pieces)
        )
        if text != node.astext():
            node.children = [nodes.Text(text)]


def _find_script(app: Sphinx) -> None:
    app.formula_script = str(Path(app.srcdir) / app.config.formula_script)
    if app.builder.format == "html" and not Path(app.formula_script).is_file():
        raise FileNotFoundError(
            f"KaTeX is missing at {app.formula_script}; set formula_script in _config.yml"
        )


def _choose_renderer(app: Sphinx, config) -> None:
    config.html_math_renderer = "katex"


def setup(app: Sphinx) -> dict:
    """Register the renderer and make it the one in use."""
    app.add_config_value("formula_script", "assets/katex/katex.min.js", "html", [str])
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.connect("config-inited", _choose_renderer)
    app.connect("builder-inited", _find_script)
    app.connect("doctree-resolved", set_formulas_in_html, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
