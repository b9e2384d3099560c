"""The example's TensorFlow variant: its parts in a process of their own, and the whole job on few flights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dataset
import pytest
import report

EXAMPLE = str(Path(dataset.__file__).parent)
sys.path.insert(0, EXAMPLE)  # another example has a `job` too
from job import main, run  # noqa: E402 - after the path above

PROGRAM = Path(__file__).with_name("tensorflow_program.py")


@pytest.fixture(scope="module")
def found(first: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `tensorflow_program.py` has found."""
    folder = tmp_path_factory.mktemp("tensorflow")
    environment = {**os.environ, "PYTHONPATH": EXAMPLE, "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run([sys.executable, PROGRAM, first, folder], check=True, env=environment)
    result: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return result


def test_codes_and_numbers_become_a_logit_a_row(found: dict[str, Any]) -> None:
    shapes = found["shapes"]
    assert shapes["codes"] == [[256, 6 + shapes["crosses"]], "int64"]
    assert shapes["numbers"] == [[256, 10], "float32"]
    assert shapes["logits"] == [[256, 1], "float32"]
    assert shapes["same_seed"]


def test_no_two_columns_share_a_code(found: dict[str, Any]) -> None:
    assert found["shapes"]["codes_in_order"]
    largest, codes = found["shapes"]["codes_below"]
    assert largest < codes


def test_an_unknown_carrier_and_missing_weather_still_give_a_score(found: dict[str, Any]) -> None:
    assert found["unknown"] == {"carriers": [0], "finite": True}


def test_a_step_scores_with_the_model_from_before_and_trains_all_of_it(found: dict[str, Any]) -> None:
    assert found["step"] == {
        "score_is_from_before": True,
        "model_has_moved": True,
        "every_weight_has_moved": True,
    }


def test_the_rolling_auc_is_that_of_the_other_variant(found: dict[str, Any]) -> None:
    ours, theirs = found["rolling"]
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_the_coordinator_has_every_flight_emitted_and_saves_a_model_that_loads(
    found: dict[str, Any], first: Path
) -> None:
    run = found["run"]
    assert run["flights"] == dataset.departures(first)["flight"].slice(0, 1_000).to_pylist()
    assert run["columns"] == sorted(report.SCORE_TYPES)
    assert run["logged"] == ["auc_of_all"]
    assert run["loaded"]


def test_batch_mode_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py", "--framework", "tensorflow", "--mode", "batch"])
    with pytest.raises(SystemExit):
        main()
    assert "--mode batch is for --framework torch" in capsys.readouterr().err


@pytest.mark.flink
def test_the_job_scores_every_flight_once(gateway: None, first: Path, tmp_path: Path) -> None:
    run(first, tmp_path, model=tmp_path / "model.keras", framework="tensorflow")
    scored, weeks = report.read_scores(tmp_path / "scores"), report.read_weeks(tmp_path / "weeks")
    report.check(scored, weeks, dataset.departures(first))
    assert (tmp_path / "model.keras").stat().st_size > 0
