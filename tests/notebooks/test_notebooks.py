"""The notebooks run from the first cell to the last on the made-up CRM, and keep no output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
MOST_SECONDS = 300  # of one cell; a whole notebook takes less than 60 on two free cores


def test_every_notebook_of_the_list_is_there() -> None:
    listed = (ROOT / "notebooks/README.md").read_text(encoding="utf-8")
    assert [path.name for path in NOTEBOOKS if path.name not in listed] == []
    assert len(NOTEBOOKS) == 4


def test_no_notebook_is_kept_with_its_output() -> None:
    assert list((ROOT / "notebooks").rglob("*.ipynb")) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_one_learns_and_runs_to_its_end(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert "What you learn here" in notebook.cells[0].source
    assert all(not cell.get("outputs") for cell in notebook.cells)
    monkeypatch.delenv("DEALCAST_DATA", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel draws into the notebook
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the sample and the tracking store go
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    client = NotebookClient(
        notebook, timeout=MOST_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises CellExecutionError with the cell and its trace
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
