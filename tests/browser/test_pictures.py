"""The pictures of README are drawn, and are those of the answer that README quotes."""

from __future__ import annotations

import pytest
from PIL import Image

from docs.generate.pictures import IMAGES, draw, sentence_of
from tests.test_answer import run
from tests.test_readme import quoted_answer

LARGEST_BYTES = 150_000


@pytest.mark.parametrize("name", ["answer", "report"])
def test_a_picture_of_readme_is_of_the_answer_that_it_quotes(name):
    assert sentence_of(IMAGES / f"{name}.png") == quoted_answer(), "run: make pictures"
    assert (IMAGES / f"{name}.png").stat().st_size < LARGEST_BYTES


def test_both_are_drawn_from_a_warehouse(browser, hostile_warehouse, tmp_path):
    draw(browser, hostile_warehouse, tmp_path)
    sentence = run(hostile_warehouse, "answer").stdout.split("\n\n")[0].replace("\n", " ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.png", "report.png"]
    for path in tmp_path.iterdir():
        assert sentence_of(path) == sentence
        assert 20_000 < path.stat().st_size < LARGEST_BYTES
        with Image.open(path) as picture:
            assert picture.width > 800
            assert picture.height > 800
            assert len(picture.getcolors()) > 8
