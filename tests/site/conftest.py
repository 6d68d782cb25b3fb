"""A browser, the built site behind a small server, and what the pages of the site are."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/repo/"  # project pages on a code host live under a prefix
# Chromium must not call home: every request it makes is one that a page asked for.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine."""
    named = [os.environ.get("CHROME_PATH"), MAC_CHROME]
    found = [shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome", "chrome")]
    return next((path for path in [*named, *found] if path and Path(path).exists()), None)


class Server:
    """Serve a folder on 127.0.0.1 under a prefix; nothing outside of the prefix exists."""

    def __init__(self, folder: Path):
        self.folder = folder
        handler = functools.partial(_Handler, directory=str(folder))
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}{PREFIX}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def file(self, url: str) -> Path:
        """Return the file behind an address of this server."""
        return self.folder / url.split("#")[0].split("?")[0].removeprefix(self.base)

    def close(self) -> None:
        """Stop serving."""
        self.http.shutdown()
        self.http.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path):
        if not path.startswith(PREFIX):
            return os.path.join(self.directory, "outside", "of", "the", "prefix")
        return super().translate_path("/" + path.removeprefix(PREFIX))

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of the folder."""
    chromium = find_chromium()
    if chromium is None:
        reason = "no Chromium on this machine: install one, or name it in CHROME_PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def html() -> Path:
    """The folder of the built site."""
    folder = Path(os.environ.get("BOOK_HTML") or ROOT / "_build" / "html")
    if not (folder / "index.html").is_file():
        pytest.fail(f"there is no site in {folder}: run `make book` first")
    return folder


@pytest.fixture(scope="session")
def site(html):
    """The built site, served."""
    server = Server(html)
    yield server
    server.close()


@pytest.fixture
def serve(tmp_path):
    """A function that serves a page made in the test and returns its server."""
    servers = []

    def one(page: str, name: str = "page.html") -> Server:
        (tmp_path / name).write_text(page, encoding="utf8")
        servers.append(Server(tmp_path))
        return servers[-1]

    yield one
    for server in servers:
        server.close()


def toc_pages() -> list[str]:
    """Return the page names of ``_toc.yml``, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
    names = [toc["root"]]
    for part in toc["parts"]:
        names += [chapter["file"] for chapter in part["chapters"]]
    return names


def is_executable(name: str) -> bool:
    """Tell whether a page of the book is a notebook."""
    source = ROOT / f"{name}.md"
    return source.is_file() and "\nkernelspec:" in source.read_text(encoding="utf8")[:600]


def pytest_generate_tests(metafunc):
    """Run a test for every page, or for every executable page, of the table of contents."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", toc_pages())
    if "chapter_name" in metafunc.fixturenames:
        metafunc.parametrize("chapter_name", [name for name in toc_pages() if is_executable(name)])
