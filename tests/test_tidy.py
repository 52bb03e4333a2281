"""The rules of style that a linter does not know, at most a dozen, each with its reason.

They read the files that git knows or would take, so new files count before they are committed. A rule that gets in the
way is argued with here, in the open, and not by an exception in the code it is about.
"""

import ast
import functools
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
DRAWERS = {"base", "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"}
VAGUE = {"amount", "data", "info", "obj"}
EXECUTING = {"copy", "execute", "executemany", "stream"}
IMPURE_MODULES = {"asyncio", "anyio", "random", "secrets", "socket", "time"}
CLOCKS = {"now", "today", "utcnow"}


@functools.cache
def files(suffix: str = "") -> list[Path]:
    """The repository's files that end so."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so which files are ours is not known")
    found = (ROOT / name for name in listed.stdout.split("\0") if name.endswith(suffix))
    return [path for path in found if path.is_file()]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(*rings: str) -> Iterator[tuple[Path, ast.Module]]:
    """All Python files, or those of some rings of topup."""
    for path in files(".py"):
        if not rings or any(path.is_relative_to(SRC / "topup" / ring) for ring in rings):
            yield path, tree(path)


def nodes(*rings: str) -> Iterator[tuple[Path, ast.AST]]:
    for path, module in modules(*rings):
        for node in ast.walk(module):
            yield path, node


def functions(*rings: str) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, node in nodes(*rings):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield path, node


def refuse(found: Iterable[tuple[Path, int, str]]) -> None:
    """Fail with every place found, as an editor takes them."""
    places = sorted(f"{path.relative_to(ROOT)}:{line}: {what}" for path, line, what in found)
    if places:
        pytest.fail("\n".join(places), pytrace=False)


def test_every_module_opens_with_what_it_decides_and_who_calls_it() -> None:
    """It is the cheapest way to make a tree readable, and nobody does it unless something insists."""
    refuse(
        (path, 1, "no docstring, or only one line of it")
        for path, module in modules()
        if len((ast.get_docstring(module) or "").splitlines()) < (2 if _is_source(path) else 1)
    )


def _is_source(path: Path) -> bool:
    return path.is_relative_to(SRC) and path.name != "__init__.py"


def test_files_and_functions_stay_small_or_say_why_not() -> None:
    """Giants and knots come together, and never on purpose. A reason is a comment `# Long: ...` in the file."""
    long_files = [
        (path, 1, f"{count} lines")
        for path, _ in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    ]
    long_functions = [
        (path, function.lineno, f"{function.name} has {count} lines")
        for path, function in functions()
        if (count := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]
    refuse(place for place in long_files + long_functions if "# Long: " not in place[0].read_text(encoding="utf-8"))


def test_sql_is_never_put_together_from_strings() -> None:
    """One quoted value too few is how databases are lost; values travel as parameters, names by `sql.Identifier`."""
    refuse(
        (path, node.lineno, "SQL built from strings")
        for path, node in nodes()
        if isinstance(node, ast.Call) and node.args and _runs_sql(node.func) and _is_built(node.args[0])
    )


def _runs_sql(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in {*EXECUTING, "SQL", "text"}


def _is_built(argument: ast.expr) -> bool:
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute) and argument.func.attr == "format":
        return isinstance(argument.func.value, ast.Constant)
    return isinstance(argument, ast.JoinedStr) or (
        isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Add | ast.Mod)
    )


def test_no_module_is_a_drawer() -> None:
    """What has no name of its own ends up there, and then everything imports it."""
    refuse((path, 1, path.stem) for path in files(".py") if DRAWERS & {path.stem, path.parent.name})


def test_our_functions_are_called_through_their_module() -> None:
    """`checkout.start(...)` reads as a sentence; a bare `start(...)` sends the reader to the top of the file."""
    refuse(
        (path, node.lineno, f"imports the function {alias.name}")
        for path, node in nodes()
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"topup", "stripe_sandbox"}
        for alias in node.names
        if alias.name.islower() and not _is_module(f"{node.module}.{alias.name}")
    )


def _is_module(name: str) -> bool:
    path = SRC.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_core_and_rules_are_pure() -> None:
    """Time and randomness are arguments there, so that every decision about money can be tested and replayed.

    Making an id is the one exception: it decides nothing.
    """
    pure = modules("core", "ledger/rules.py", "ledger/rules_money_back.py", "ledger/moves.py", "ledger/book.py")
    refuse(
        (path, node.lineno, "waits, looks at the clock or rolls dice")
        for path, module in pure
        if path.name != "ids.py"
        for node in ast.walk(module)
        if isinstance(node, ast.AsyncFunctionDef)
        or (isinstance(node, ast.Import) and any(alias.name in IMPURE_MODULES for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module in IMPURE_MODULES)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS)
    )


def test_floats_are_for_seconds_only() -> None:
    """Credits and minor units are whole; a float that slips in is right for years and then off by one."""
    refuse(
        (path, node.lineno, "float")
        for path, node in nodes("core", "ledger")
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        if "seconds" not in _line(path, node.lineno)
    )


def _line(path: Path, number: int) -> str:
    return path.read_text(encoding="utf-8").splitlines()[number - 1]


def test_parameters_say_their_unit_and_not_amount() -> None:
    """Credits, sessions and pennies are all whole numbers, and only their names keep them apart."""
    refuse(
        (path, argument.lineno, f"{function.name}({argument.arg})")
        for path, function in functions("core", "db", "flows", "gateway", "ledger")
        for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        if argument.arg in VAGUE
    )


def test_comments_are_sentences_and_not_banners() -> None:
    """A ruler across the file says that it should have been two files."""
    banner = re.compile(r"^\s*(#|//|--|/\*)\s*([-=*#~_])\2{3,}", re.MULTILINE)
    refuse(
        (path, text.count("\n", 0, found.start()) + 1, "banner")
        for suffix in (".py", ".sql", ".css", ".js", ".toml")
        for path in files(suffix)
        if "static/vendor" not in path.as_posix()
        for text in [path.read_text(encoding="utf-8")]
        for found in banner.finditer(text)
    )


def test_tests_have_sentences_for_names() -> None:
    """The list of tests is the specification that people really read."""
    refuse(
        (path, function.lineno, function.name)
        for path, function in functions()
        if path.is_relative_to(ROOT / "tests") and function.name.startswith("test") and function.name.count("_") < 3
    )


def test_tests_mock_nothing() -> None:
    """A mock of ours proves that we can write the same mistake twice; the database and the HTTP are real."""
    refuse(
        (path, node.lineno, "mock")
        for path, node in nodes()
        if (isinstance(node, ast.ImportFrom) and "mock" in f"{node.module}.{node.names[0].name}".split("."))
        or (isinstance(node, ast.Import) and any("mock" in alias.name.split(".") for alias in node.names))
    )


def test_no_file_names_a_registry_or_somebodys_machine() -> None:
    """Such addresses work for one person and tell strangers about the machine; that is why uv.lock is not kept."""
    private = re.compile(
        "|".join(
            [
                r"files\.pythonhosted\." + "org",
                r"pypi\." + "org/simple",
                r"--(extra-)?index" + "-url",
                r"(?<![\w.])/(root|home/\w+|Users/\w+|work|opt/\w+)" + r"/\w",
            ]
        )
    )
    refuse(
        (path, 1, found.group() if (found := private.search(text)) else "lock file with addresses")
        for path in files()
        for text in [path.read_bytes().decode("utf-8", "ignore")]
        if private.search(text) or path.name in {"uv.lock", "pylock.toml"}
    )
