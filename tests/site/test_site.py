"""What the built site must do in a real browser; each check is shown to fail on a bad page."""

import functools
import gzip
import json
import re
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe

WEIGHT_KB, REQUESTS = 400, 45
TEXT_FILES = {".html", ".css", ".js", ".svg", ".json"}
# Only colours differ between the themes, so the other rules run in one of them.
AXE_RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "dark": ["color-contrast", "link-in-text-block"],
}


class Visit:
    """A page in the browser, and all that happened while it loaded."""

    def __init__(self, browser, address: str, base: str, **options):
        self.base = base
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self.page = self.context.new_page()
        self.trouble, self.requests = [], []
        self.page.on("console", lambda m: m.type == "error" and self.trouble.append(m.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.trouble.append(f"failed: {request.url}"))
        self.page.on(
            "response", lambda r: r.status >= 400 and self.trouble.append(f"{r.status} {r.url}")
        )
        self.page.goto(address, wait_until="load")
        if options.get("java_script_enabled", True):  # without, the frames to wait for may not come
            self.page.wait_for_function("document.fonts.status === 'loaded'")

    def close(self):
        self.context.close()


# Each check takes a visit and returns what is wrong, in words.


def trouble(visit):
    """Errors in the console, in scripts, and files that did not come."""
    return list(visit.trouble)


def other_hosts(visit):
    """Requests to anywhere but the site itself."""
    return [u for u in visit.requests if not u.startswith((visit.base, "data:", "blob:"))]


def bad_alternatives(visit):
    """Images that say nothing to those who do not see them."""
    images = visit.page.eval_on_selector_all(
        "img", "es => es.map(e => [e.getAttribute('src'), e.getAttribute('alt')])"
    )
    # An empty alternative is right for decoration only, and this book has none.
    return [f"{s}: alt={a!r}" for s, a in images if not a or re.search(r"\.(svg|png|jpe?g)$", a)]


def raw_formulas(visit):
    """TeX that a reader would see, or that KaTeX could not read."""
    return visit.page.evaluate(
        r"""() => {
      const seen = [...document.querySelectorAll('.katex-error')].map(e => e.textContent);
      const article = document.querySelector('article') || document.body;
      const walk = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const text = walk.currentNode.data, parent = walk.currentNode.parentElement;
        if (parent.closest('pre, code, .katex, script, style, textarea, svg')) continue;
        if (/\\[(\[a-zA-Z]|\$\$|\$[^$\s][^$]*\$/.test(text)) seen.push(text.trim().slice(0, 80));
      }
      return seen;
    }"""
    )


def sideways_scroll(visit):
    """Whether a phone of 320 pixels has to scroll sideways, and what sticks out."""
    visit.page.set_viewport_size({"width": 320, "height": 640})
    wrong = visit.page.evaluate(
        """() => {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      const out = [...document.querySelectorAll('body *')]
        .filter(e => e.getBoundingClientRect().right > width + 1);
      return [document.documentElement.scrollWidth - width + ' px wider than the screen: ' +
        out.slice(0, 3).map(e => e.tagName + '.' + e.className).join(', ')];
    }"""
    )
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    return wrong


def accessibility(visit, theme):
    """WCAG A and AA violations that axe finds in one theme."""
    visit.page.evaluate(
        """theme => {
      Object.assign(document.documentElement.dataset, {theme, mode: theme});
      document.getAnimations().forEach(animation => animation.finish());
      // Of the thousands of coloured words of code one of each kind is enough: the others are
      // left as plain text, which makes axe several times as fast.
      const seen = new Set();
      for (const word of document.querySelectorAll('.highlight span')) {
        const kind = word.className + !!word.closest('.cell_output');
        if (seen.has(kind)) word.replaceWith(...word.childNodes); else seen.add(kind);
      }
    }""",
        theme,
    )
    options = {"runOnly": AXE_RULES[theme], "resultTypes": ["violations"]}
    # The inside of a set formula is hidden from screen readers, which get its MathML.
    context = {"exclude": [[".katex-html"]]}
    found = Axe().run(visit.page, context=context, options=options).response["violations"]
    return [f"{v['id']} ({theme}): {n['html'][:120]}" for v in found for n in v["nodes"]]


def dead_links(visit, site):
    """Links and anchors that lead nowhere."""
    links = visit.page.eval_on_selector_all("a[href]", "es => es.map(e => e.getAttribute('href'))")
    wrong = []
    for link in sorted(set(links)):
        address = urljoin(visit.page.url, link)
        if not address.startswith(site.base):
            if not re.match(r"(https?|mailto):", link):
                wrong.append(f"{link} leaves the site")
            continue
        file, _, anchor = site.file(address), *address.partition("#")[1:]
        if not file.is_file():
            wrong.append(f"{link}: no such file")
        elif anchor and file.suffix == ".html" and anchor not in ids(file):
            wrong.append(f"{link}: no such place")
    return wrong


@functools.cache
def ids(file):
    """Return all ids of a page."""
    return set(re.findall(r'\bid="([^"]+)"', file.read_text(encoding="utf8")))


def weight(visit, site):
    """Too many requests or too many bytes, compressed as a web server would."""
    urls = [url for url in dict.fromkeys(visit.requests) if url.startswith(site.base)]
    total = 0
    for file in map(site.file, urls):
        data = file.read_bytes() if file.is_file() else b""
        total += len(gzip.compress(data, 6)) if file.suffix in TEXT_FILES else len(data)
    wrong = [f"{len(urls)} requests, more than {REQUESTS}"] if len(urls) > REQUESTS else []
    if total > WEIGHT_KB * 1024:
        wrong.append(f"{total / 1024:.0f} kB, more than {WEIGHT_KB}")
    return wrong


CHECKS = {
    "no trouble": lambda visit, site: trouble(visit),
    "no other host": lambda visit, site: other_hosts(visit),
    "images have alternatives": lambda visit, site: bad_alternatives(visit),
    "formulas are set": lambda visit, site: raw_formulas(visit),
    "links lead somewhere": dead_links,
    "light to load": weight,
    "axe, light": lambda visit, site: accessibility(visit, "light"),
    "axe, dark": lambda visit, site: accessibility(visit, "dark"),
    "fits a phone": lambda visit, site: sideways_scroll(visit),
}

REPORTS: dict[str, dict[str, list[str]]] = {}


def report(browser, site, name):
    """All checks of one page in one visit; kept, so that each test asks for its own part."""
    if name not in REPORTS:
        visit = Visit(browser, f"{site.base}{name}.html", site.base)
        REPORTS[name] = {check: test(visit, site) for check, test in CHECKS.items()}
        visit.close()
    return REPORTS[name]


@pytest.mark.parametrize("check", CHECKS)
def test_page(browser, site, page_name, check):
    """Every page of the table of contents passes every check."""
    assert report(browser, site, page_name)[check] == []


@pytest.mark.parametrize("name", ["search", "genindex"])
def test_other_pages_load_without_trouble(browser, site, name):
    visit = Visit(browser, f"{site.base}{name}.html", site.base)
    assert trouble(visit) + other_hosts(visit) == []
    visit.close()


GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><article><h1>A page</h1>%s</article></main></body></html>"""
BAD = {
    "no trouble": "<script>undefinedFunction()</script>",
    "no other host": '<img src="http://127.0.0.1:9/x.png" alt="A picture" width="1" height="1">',
    "images have alternatives": '<img src="data:," alt="_images/1a2b.svg">',
    "formulas are set": r"<p>The sigmoid is \(\frac{1}{1+e^{-x}}\).</p>",
    "links lead somewhere": '<p><a href="nowhere.ipynb">Notebook</a></p>',
    "light to load": '<script src="heavy.bin"></script>',
    "axe, light": '<p style="color:#bbb;background:#fff">Pale words</p>',
    "axe, dark": "<style>[data-theme=dark] p{color:#333;background:#111}</style><p>Dark words</p>",
    "fits a phone": '<table><tr><td style="min-width:900px">wide</td></tr></table>',
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_check_fails_on_a_bad_page_and_passes_on_a_good_one(browser, serve, tmp_path, check):
    (tmp_path / "heavy.bin").write_bytes(bytes(500_000))
    server = serve(GOOD % BAD[check], "bad.html")
    (tmp_path / "good.html").write_text(GOOD % "<p>Words.</p>", encoding="utf8")
    for name, passes in [("good.html", True), ("bad.html", False)]:
        visit = Visit(browser, server.base + name, server.base)
        assert (CHECKS[check](visit, server) == []) is passes
        visit.close()


def test_search_finds_softmax(browser, site):
    visit = Visit(browser, f"{site.base}search.html?q=softmax", site.base)
    visit.page.wait_for_selector("#search-results ul.search li a")
    assert visit.page.locator("#search-results ul.search li").count() >= 2
    assert trouble(visit) == []
    visit.page.goto(f"{site.base}search.html?q=zzzqqqxxx")
    visit.page.wait_for_selector("#search-results .search-summary")
    assert visit.page.locator("#search-results ul.search li").count() == 0
    visit.close()


def test_theme_switch_changes_the_page_and_is_remembered(browser, site):
    visit = Visit(browser, f"{site.base}intro.html", site.base, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(background)
    button = visit.page.locator(".theme-switch-button:visible").first
    for _ in range(3):
        if visit.page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
        button.click()
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    dark = visit.page.evaluate(background)
    assert dark != light
    visit.page.reload()
    assert visit.page.evaluate(background) == dark
    assert trouble(visit) == []
    visit.close()


def test_every_icon_has_a_glyph(browser, site):
    visit = Visit(browser, f"{site.base}intro.html", site.base)
    wrong = visit.page.evaluate(
        """() => {
      const pen = document.createElement('canvas').getContext('2d');
      const width = (style, family) => {
        pen.font = `${style.fontWeight} 40px ${family}`;
        return pen.measureText(style.content.slice(1, -1)).width;
      };
      return [...document.querySelectorAll('i[class*=fa-]')].filter(icon => {
        const style = getComputedStyle(icon, '::before');
        return icon.offsetParent && width(style, style.fontFamily) === width(style, 'no-such-font');
      }).map(icon => icon.className);
    }"""
    )
    assert wrong == []
    assert not [url for url in visit.requests if "fontawesome" in url]
    visit.close()


def test_chapter_offers_its_notebooks(browser, site, chapter_name):
    """The header's links lead to plain notebooks, and the one for exercises has no solutions."""
    visit = Visit(browser, f"{site.base}{chapter_name}.html", site.base)
    sizes = {}
    for label, folder in [("notebook", "notebooks/"), ("solution", "notebooks/solutions/")]:
        address = visit.page.locator(f"a.btn-download-{label}-button").evaluate("e => e.href")
        assert address.startswith(f"{site.base}{folder}")
        text = site.file(address).read_text(encoding="utf8")
        assert json.loads(text)["nbformat"] == 4
        assert "{solution-start}" not in text
        sizes[label] = len(text)
    assert sizes["solution"] > sizes["notebook"]
    sources = visit.page.locator("a[href*='_sources']").count()
    assert sources == 0
    visit.close()


def test_page_from_disk(browser, html):
    """A page opened as a file has no trouble, and its links to notebooks lead to files."""
    for name in ("intro", "chapters/catalogue/saturating"):
        file = html / f"{name}.html"
        visit = Visit(browser, file.as_uri(), html.as_uri())
        assert trouble(visit) + other_hosts(visit) == []
        for link in visit.page.locator("a[href$='.ipynb']").all():
            assert (file.parent / link.get_attribute("href")).is_file()
        visit.close()


def contrast(visit):
    """Contrast between the text and the ground of the article."""
    return visit.page.evaluate(
        """() => {
      const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(v => linear(v / 255));
        return .2126 * r + .7152 * g + .0722 * b;
      };
      const words = document.querySelector('article p'), clear = /, 0\\)$/;
      let ground = 'rgba(0, 0, 0, 0)';
      for (let e = words; e && clear.test(ground); e = e.parentElement)
        ground = getComputedStyle(e).backgroundColor;
      if (clear.test(ground)) ground = 'rgb(255, 255, 255)';
      const colours = [getComputedStyle(words).color, ground];
      const [most, least] = colours.map(light).sort((x, y) => y - x);
      return (most + .05) / (least + .05);
    }"""
    )


def test_readable_without_scripts(browser, site, page_name):
    """With scripts off a page has its text, its set formulas, its navigation and its figures."""
    visit = Visit(browser, f"{site.base}{page_name}.html", site.base, java_script_enabled=False)
    article = visit.page.locator("article")
    assert len(article.inner_text()) > 100
    assert contrast(visit) > 7
    assert raw_formulas(visit) == []
    assert visit.page.locator("nav.bd-links a:visible, .bd-sidebar-primary a:visible").count() > 5
    # What a toggle would hide is shown, or opens without a script.
    assert visit.page.locator("article .toggle-hidden").count() == 0
    visit.close()
