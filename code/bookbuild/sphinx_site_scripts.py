"""Sphinx extension: scripts do not hold up the page.

Sphinx and the theme put their scripts into the head without ``defer``, so the browser stops
reading the page until each has come. Deferred scripts run in the same order, after the page is
there.
"""

from sphinx.application import Sphinx

# The inline scripts of this page use doctools.js the moment they run.
KEEP_BLOCKING = {"search"}


def defer_scripts(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Give each script file of the page a ``defer`` attribute, unless it must run first."""
    if pagename in KEEP_BLOCKING:
        return
    context["script_files"] = [_deferred(script) for script in context["script_files"]]


def _deferred(script):
    name = str(script.filename or "")
    if not name or "documentation_options" in name or {"async", "defer"} & set(script.attributes):
        return script
    # The objects are shared between pages: changed in place, it would defer on the search page too.
    return type(script)(
        script.filename, priority=script.priority, **{**script.attributes, "defer": "defer"}
    )


def setup(app: Sphinx) -> dict:
    """Register the extension; 900 runs after the theme has added its own scripts."""
    app.connect("html-page-context", defer_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
