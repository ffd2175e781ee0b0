"""Files from answers as LLMs write them."""

import pytest

from llmseg.study.answer import files_of

CODE = "print(1)\n"
SHAPES = {
    "bold": "Text\n\n**main.py**\n\n```python\nprint(1)\n```\n",
    "heading": "### 1. `main.py`\n```python\nprint(1)\n```",
    "colon": "File: main.py\n```py\nprint(1)\n```",
    "info": "```python main.py\nprint(1)\n```",
    "title": '```python title="main.py"\nprint(1)\n```',
    "only the name": "```main.py\nprint(1)\n```",
    "folder": "**./main.py**:\n```\nprint(1)\n```",
    "tildes": "main.py\n~~~python\nprint(1)\n~~~",
    "windows": "main.py\r\n```python\r\nprint(1)\r\n```\r\n",
    "alone": "Here it is:\n```python\nprint(1)\n```\nRun it with `python main.py`.",
    "cut off": "**main.py**\n```python\nprint(1)",
    "thoughts": "<think>\n**main.py**\n```python\nwrong\n```\n</think>\n**main.py**\n```python\nprint(1)\n```",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file(shape: str) -> None:
    assert files_of(SHAPES[shape]) == {"main.py": CODE}


def test_a_comment_names_a_file_and_stays() -> None:
    assert files_of("```python\n# model.py\nx = 1\n```\n```python\n# main.py\ny = 1\n```") == {
        "model.py": "# model.py\nx = 1\n",
        "main.py": "# main.py\ny = 1\n",
    }


def test_the_later_of_two_counts_and_a_longer_fence_holds_a_shorter() -> None:
    answer = "main.py\n```python\nold\n```\nno, better:\n\nmain.py\n````python\n'''\n```\ncode\n```\n'''\n````\n"
    assert files_of(answer) == {"main.py": "'''\n```\ncode\n```\n'''\n"}


def test_shell_and_nameless_blocks_are_no_files() -> None:
    answer = (
        "```bash\npip install torch\n```\n**main.py**\n```python\nprint(1)\n```\nExample:\n\n```python\nUNet()\n```\n"
    )
    assert files_of(answer) == {"main.py": CODE}
    assert files_of("I can't do this.") == {}


@pytest.mark.parametrize("name", ["../main.py", "/etc/main.py", "data/main.py", "predictions/x.py", "a/../../b.py"])
def test_names_that_lead_out_are_none(name: str) -> None:
    named = files_of(f"{name}\n```python\nprint(1)\n```\nmodel.py\n```python\nx\n```")
    assert set(named) == {"model.py"}


def test_packages_keep_their_folders() -> None:
    assert set(files_of("`unet/model.py`\n```python\nx\n```\nREADME.md\n```\ntext\n```")) == {
        "unet/model.py",
        "README.md",
    }


def test_how_to_start_a_file_is_not_the_file() -> None:
    program = "main.py\n```python\nprint(1)\n```\n"
    start = "Run it with `python main.py --data data`:\n```bash\npython main.py --data data\n```\n"
    prints = "Example of the output of main.py:\n```\nepoch 1 loss 0.1\n```\n"
    assert files_of(program + start + prints) == {"main.py": "print(1)\n"}
