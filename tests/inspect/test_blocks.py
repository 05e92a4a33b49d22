"""`curate explain --blocks`: the page again, each block kept or dropped, and what moved it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from curate.blocks.explain import explain_page
from curate.blocks.extractor import extract_blocks
from curate.cli import app

SENTENCE = "The river has changed its bed more than once, and the people of the town remember each time of it. "
PAGE = (
    "<html><head><title>The river</title></head><body><nav class='menu'><a href='/'>Home page</a> "
    "<a href='/n'>All the news</a></nav><article class='post'><h1>The river</h1>"
    + "".join(f"<p>{SENTENCE * 3}{number}</p>" for number in range(4))
    + "</article></body></html>"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    (folder / "in").mkdir()
    (folder / "in" / "page.html").write_text(PAGE, encoding="utf-8")
    recipe = folder / "recipe.toml"
    recipe.write_text('name = "one"\n[[stage]]\nuse = "extract"\nbackend = "blocks"\n', encoding="utf-8")
    out = folder / "out"
    done = CliRunner().invoke(app, ["run", str(recipe), "--input", str(folder / "in"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def test_every_block_of_the_page_is_shown(run: Path) -> None:
    done = CliRunner().invoke(app, ["explain", str(run), "in/page.html", "--blocks"])
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line[:1] in "+−"]
    assert [line[0] for line in lines] == ["−", *"+++++"] or [line[0] for line in lines] == ["−", "−", *"++++"]
    assert "Home page" in done.output
    assert "blocks are the page's text" in done.output


def test_a_page_that_is_gone_is_said_to_be(run: Path) -> None:
    page = run.parent / "in" / "page.html"
    page.rename(page.with_name("other.html"))
    done = CliRunner().invoke(app, ["explain", str(run), "in/page.html", "--blocks"])
    page.with_name("other.html").rename(page)
    assert done.exit_code == 2
    assert "no longer" in done.output


def test_what_is_explained_is_what_is_extracted() -> None:
    told = list(explain_page(PAGE.encode()))
    text = extract_blocks(PAGE.encode(), "", "2100-01-01").text
    assert "\n".join(block.text for block in told if block.kept) == text
    assert all(len(block.reasons) == 3 for block in told)
    strengths = [[abs(share) for _, share in block.reasons] for block in told]
    assert all(one == sorted(one, reverse=True) for one in strengths)
