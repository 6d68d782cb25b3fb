"""A small book with a package of its own, written afresh for every test that changes it."""

# ruff: noqa: E501
from pathlib import Path

import pytest

from bookbuild.book import Book

CONFIG = """
title: A small book
only_build_toc_files: true
repository: {url: "", branch: main}
execute: {execute_notebooks: "off"}
parse: {myst_enable_extensions: [amsmath, colon_fence, dollarmath]}
bibtex_bibfiles: [references.bib]
latex: {use_jupyterbook_latex: false}
sphinx:
  recursive_update: true
  config:
    extensions: [sphinx_togglebutton, myst_nb, jupyter_book, sphinx_comments, sphinx_external_toc,
      sphinx_exercise, sphinx_book_theme, sphinxcontrib.bibtex, bookbuild.sphinx_claims]
    html_static_path: [assets]
    html_extra_path: [extra]
"""

TOC = """
format: jb-book
root: intro
chapters:
  - file: chapters/one/first
  - file: chapters/one/second
  - file: chapters/reference/ledger
"""

FRONT = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""

CLOSING = """
## Summary

Doubling is linear.

## Exercises

````{exercise} By hand
:label: ex-SLUG-1
What is $2 \\cdot 3$?
````

```{solution-start} ex-SLUG-1
:class: dropdown
```
It is 6.
```{solution-end}
```

````{exercise} In code
:label: ex-SLUG-2
Double the numbers 1 to 3.

```python
numbers = [1, 2, 3]
```
````

```{solution-start} ex-SLUG-2
:class: dropdown
```

```{code-cell} ipython3
print([double(n) for n in [1, 2, 3]])
```

```{solution-end}
```

````{exercise} In words
:label: ex-SLUG-3
Why is it linear?
````

```{solution-start} ex-SLUG-3
:class: dropdown
```
It is a multiple.
```{solution-end}
```

````{exercise} In code again
:label: ex-SLUG-4
Double ten.
````

```{solution-start} ex-SLUG-4
:class: dropdown
```

```{code-cell} ipython3
print(double(10))
```

```{solution-end}
```

## Further reading

Start with {cite:t}`glorot2010`.
"""

FIRST = (
    FRONT
    + """# Doubling, measured

**You will learn**

- what doubling does.

**You need** nothing.

**Running time** {{ run_time }} on two cores.

```{code-cell} ipython3
from tiny import claims
from tiny import reproductions
from tiny.arithmetic import NAME, double
```

```{code-cell} ipython3
print(NAME)
```

(twice)=
## Twice as much

```{note}
A note with `{numref}` in code and $x$ in a formula.
```

````{admonition} A title
:class: tip
Text that holds code:

```python
x = {"a": 1}
```
````

The rule is {eq}`eq-double`; {numref}`fig-double` shows it, as {cite:p}`glorot2010` and
{cite:t}`he2015,glorot2010` do. See {ref}`twice`, [the next chapter](second.md) and {ref}`ex-first-2`.

$$
y = 2 x
$$ (eq-double)

```{code-cell} ipython3
---
mystnb:
  image: {alt: "A straight line through the origin with slope two."}
  figure: {caption: "A line of slope $2$.", name: fig-double}
---
from IPython.display import SVG, display

display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 9L9 0"/></svg>'))
```

```{code-cell} ipython3
claims.settle("A-1.1", "holds", evidence=f"double(3) is {double(3)}", because={"it is six": double(3) == 6})
reproductions.report("R-1", "confirmed", experiment="we doubled one", result=f"{double(1)}", because={"two": True})
```
"""
    + CLOSING.replace("SLUG", "first")
)

SECOND = (
    FRONT
    + """# Halving

**You will learn** to halve. **You need** [doubling](first.md).

**Running time** {{ run_time }}.

```{code-cell} ipython3
def double(n):
    return 2 * n

print(1 / 2)
```

See {numref}`Figure %s <fig-double>`.
"""
    + CLOSING.replace("SLUG", "second")
)

CLAIMS = '''"""Stands for actfun.claims."""

from pathlib import Path

from IPython.display import HTML, display

LEDGER = Path(__file__).with_name("claims.yaml")


def settle(claim, verdict, *, evidence, because):
    assert all(because.values()) and claim in LEDGER.read_text()
    name = "claim-" + claim.lower().replace(".", "-")
    display(
        HTML(f'<div id="{name}">{claim}: {verdict}. {evidence}</div>'),
        metadata={"claim": {"id": claim, "verdict": verdict, "evidence": evidence}},
    )
'''

REPRODUCTIONS = '''"""Stands for actfun.reproductions."""

from pathlib import Path

from IPython.display import HTML, display

LEDGER = Path(__file__).with_name("reproductions.yaml")


def report(name, verdict, *, experiment, result, because):
    assert all(because.values()) and name in LEDGER.read_text()
    display(
        HTML(f'<div id="reproduction-{name.lower()}">{name}: {verdict}. {result}</div>'),
        metadata={"reproduction": {"id": name, "verdict": verdict, "experiment": experiment, "result": result}},
    )
'''

LEDGER = """
documents:
  A: {title: A document, english: A document in English, language: zh,
    sections: {'1.1': One, '2.1': Two}}
claims:
- {id: A-1.1, section: "1.1", kind: property, verdict: holds, says: "Doubling three gives six."}
- {id: A-2.1, section: "2.1", kind: property, says: "Tripling is better.", open: Part 3}
"""

REPRODUCED = """
reproductions:
- {id: R-1, verdict: confirmed, papers: [he2015], source: "He et al., 2015", says: "One doubles to two."}
- {id: R-2, open: Part 4, papers: [], source: "common in tutorials", says: "Two doubles to five."}
"""

BIB = """
@inproceedings{glorot2010, author={Glorot, Xavier and Bengio, Yoshua}, title={Understanding the difficulty},
  booktitle={AISTATS}, year={2010}, url={https://proceedings.mlr.press/v9/glorot10a.html}}
@article{he2015, author={He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian}, title={Delving deep},
  journal={arXiv}, year={2015}, eprint={1502.01852}, archiveprefix={arXiv}}
"""

FILES = {
    "_config.yml": CONFIG,
    "_toc.yml": TOC,
    "intro.md": "# A small book\n\nSee [the first chapter](chapters/one/first.md).\n",
    "references.bib": BIB,
    "requirements.txt": "",
    "assets/book.css": "body { color: black }\n",
    "assets/ledger.css": "",
    "assets/ledger.js": "",
    "chapters/one/first.md": FIRST,
    "chapters/one/second.md": SECOND,
    "chapters/reference/ledger.md": "# Ledger\n\n```{claims-ledger}\n```\n\n## Sources\n\n"
    "```{source-map}\n```\n\n## Papers\n\n```{reproductions}\n```\n\n## Bibliography\n\n```{bibliography}\n```\n",
    "code/pyproject.toml": "[project]\nname = 'tiny'\nversion = '1'\n",
    "code/tiny/__init__.py": "",
    "code/tiny/arithmetic.py": 'from tiny.factor import FACTOR\n\nNAME = "doubling"\n\n\ndef double(n):\n    return FACTOR * n\n',
    "code/tiny/factor.py": "FACTOR = 2\n",
    "code/tiny/unused.py": "UNUSED = 1\n",
    "code/tiny/claims.py": CLAIMS,
    "code/tiny/claims.yaml": LEDGER,
    "code/tiny/reproductions.py": REPRODUCTIONS,
    "code/tiny/reproductions.yaml": REPRODUCED,
    "code/actfun/claims.yaml": LEDGER,
    "code/actfun/reproductions.yaml": REPRODUCED,
}


class SmallBook(Book):
    """A book that tests may change."""

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def fresh(self) -> "SmallBook":
        """Read everything anew."""
        return SmallBook(self.root)


@pytest.fixture(scope="session")
def make_book():
    """Write the small book into a folder."""

    def make(root: Path) -> SmallBook:
        book = SmallBook(root)
        for name, text in FILES.items():
            book.add(name, text)
        return book

    return make


@pytest.fixture
def book(make_book, tmp_path) -> SmallBook:
    """A small book, not yet run."""
    return make_book(tmp_path / "book")


@pytest.fixture(scope="session")
def front() -> str:
    """The YAML block on top of a chapter."""
    return FRONT
