"""The imports of the house are law: run here, so that `make test` is enough to know."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest


ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "darkroom"
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def exists(module: str) -> bool:
    """Tell whether a module of ours is built; other people's modules always are."""
    if not module.startswith("darkroom.") or "*" in module:
        return True
    path = SOURCE.parent / module.replace(".", "/")
    return any(path.rglob("*.py")) or path.with_suffix(".py").is_file()


def built(contract: dict[str, Any]) -> dict[str, Any] | None:
    """Leave out the modules that are not built yet; None where nothing is left."""
    kept = dict(contract)
    for key in ("source_modules", "forbidden_modules", "modules"):
        if key in kept:
            kept[key] = [module for module in kept[key] if exists(module)]
            if not kept[key]:
                return None
    if kept["type"] == "independence" and not (SOURCE / "adapters").is_dir():
        return None
    if "ignore_imports" in kept:
        kept["unmatched_ignore_imports_alerting"] = "none"
    return kept


def as_toml(value: Any) -> str:
    """Write the few kinds of values that a contract has."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    return '"' + str(value).replace('"', '\\"') + '"'


@pytest.mark.parametrize("contract", LINTER["contracts"], ids=lambda contract: contract["id"])
def test_contract_is_kept(contract: dict[str, Any], tmp_path: Path) -> None:
    kept = built(contract)
    if kept is None:
        pytest.skip("none of its modules is built yet")
    config = tmp_path / "contracts.toml"
    lines = ["[tool.importlinter]", 'root_package = "darkroom"', "include_external_packages = true"]
    lines += ["[[tool.importlinter.contracts]]"]
    lines += [f"{key} = {as_toml(value)}" for key, value in kept.items()]
    config.write_text("\n".join(lines) + "\n")

    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("lint-imports")),
            "--no-logo",
            "--cache-dir",
            str(ROOT / "build" / "import-linter"),
            "--config",
            str(config),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SOURCE.parent), "PATH": "/usr/bin:/bin", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def packages() -> list[str]:
    """Name everything that lies directly under src/darkroom."""
    names = {path.name for path in SOURCE.iterdir() if any(path.rglob("*.py"))}
    names |= {path.stem for path in SOURCE.glob("*.py")}
    return sorted(names - {"__pycache__", "__init__", "__main__"})


def test_every_package_has_a_layer() -> None:
    layers = next(c["layers"] for c in LINTER["contracts"] if c["id"] == "layers")
    placed = set(re.findall(r"\w+", " ".join(layers)))

    assert [] == [name for name in packages() if name not in placed]


@pytest.mark.parametrize("name", packages())
def test_every_package_has_a_paragraph(name: str) -> None:
    page = ROOT / "ARCHITECTURE.md"
    assert page.is_file(), "ARCHITECTURE.md is missing: one picture, a paragraph per package"

    assert re.search(rf"^\*\*(\w+, )*{name}(, \w+)*\*\*", page.read_text(), re.MULTILINE), (
        f"ARCHITECTURE.md has no paragraph that begins with **{name}**"
    )


def test_every_folder_with_code_is_a_package() -> None:
    bare = {
        path.parent.relative_to(ROOT).as_posix()
        for path in SOURCE.rglob("*.py")
        if not (path.parent / "__init__.py").is_file()
    }

    assert bare == set(), "without __init__.py the import contracts do not look inside"
