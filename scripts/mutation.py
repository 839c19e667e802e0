"""Changes the code that decides and approves, one small thing at a time, and tells which changes no test notices.

`python scripts/mutation.py [PART...]` (make mutation). A change is made by giving the functions of the imported module
other code in a forked process, which then runs the tests of that module; what they do not notice has survived.
"""

import argparse
import ast
import copy
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import EnumType
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
_RULES = ("tests/unit/policy/test_rules.py", "tests/unit/policy/test_decide.py")
_YES = ("tests/unit/pipeline/test_approvals.py",)
PARTS: dict[str, tuple[str, ...]] = {
    **{
        f"aetherlink.policy.{name}": _RULES
        for name in (
            *("decide", "rule", "agent_rules", "target_rules", "evidence_rules", "budget_rules", "mode_rules"),
            "reach_rules",
        )
    },
    "aetherlink.model.approvals": ("tests/unit/model/test_approvals.py", *_YES),
    "aetherlink.pipeline.approve": (*_YES, "tests/unit/pipeline/test_dependents.py"),
    "aetherlink.approval_commands": (
        "tests/unit/test_approval_commands.py",
        "tests/unit/pipeline/test_given_back.py",
    ),
}
QUICKLY = ("-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--confcutdir", "tests/unit")
ASKED = 0.90
LONGEST = 120  # seconds: a change that makes the tests run for ever is noticed

_OTHER: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}

_FIELDS = (ast.Assign, ast.AnnAssign)

Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: of which node in the order of the walk, at which line, in words."""

    part: str
    place: int
    line: int
    words: str
    change: Change

    def code(self, tree: ast.Module) -> CodeType:
        """The whole module with the change in it."""
        changed = copy.deepcopy(tree)
        node = list(ast.walk(changed))[self.place]
        _put(changed, node, self.change(node))
        return compile(ast.fix_missing_locations(changed), self.part, "exec", dont_inherit=True)


def _put(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    if new is old:
        return
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if each is old else each for each in value]


def mutants(part: str, tree: ast.Module, module: ModuleType) -> Iterator[Mutant]:
    """Every change of a module, docstrings and the parts of f-strings left alone."""
    passed_over = _passed_over(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in passed_over:
            continue
        for words, change in _changes(node, module):
            yield Mutant(part, place, getattr(node, "lineno", 0), words, change)


def _passed_over(tree: ast.Module) -> set[int]:
    """Docstrings, the pieces of f-strings (they are changed as a whole), annotations, and fields of classes.

    Fields are made when the class is: other code for the functions of a module changes none of them.
    """
    left: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            left += [each for field in node.body if isinstance(field, _FIELDS) for each in ast.walk(field)]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left += [node, node.value]
        if isinstance(node, ast.JoinedStr):
            left += [each for each in ast.walk(node) if each is not node and isinstance(each, ast.Constant)]
        for name in ("annotation", "returns"):
            if (note := getattr(node, name, None)) is not None:
                left += ast.walk(note)
    return {id(node) for node in left}


def _changes(node: ast.AST, module: ModuleType) -> Iterator[tuple[str, Change]]:
    """What can be changed about one node, in words and as a function of its copy."""
    yield from _changes_of_values(node)
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield "not removed", lambda it: it.operand
        case ast.If() | ast.IfExp():
            yield "condition negated", lambda it: _with(it, "test", ast.UnaryOp(ast.Not(), it.test))
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "returns None", lambda it: _with(it, "value", ast.Constant(None))
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if isinstance(vars(module).get(name), EnumType):
            members = list(vars(module)[name].__members__)
            following = members[(members.index(attr) + 1) % len(members)] if attr in members else attr
            yield f"{name}.{attr} -> {following}", lambda it: _with(it, "attr", following)
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield "statement removed", lambda _: ast.Pass()
        case ast.Call(keywords=keywords):
            for number, keyword in enumerate(keywords):
                yield f"argument {keyword.arg} dropped", lambda it, number=number: _without(it, number)


def _changes_of_values(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=[op]) | ast.BoolOp(op=op) | ast.BinOp(op=op):
            for other in _OTHER.get(type(op), ()):
                yield f"{type(op).__name__} -> {other.__name__}", lambda it, other=other: _with_operator(it, other())
        case ast.Constant(value=value):
            if (other := _other_constant(value)) is not None:
                yield f"{value!r} -> {other!r}", lambda it: _with(it, "value", other)
        case ast.JoinedStr():
            yield "f-string emptied", lambda _: ast.Constant("")
        case ast.Name(id=name, ctx=ast.Load()) if name in _NAMES:
            yield f"{name} -> {_NAMES[name]}", lambda it: _with(it, "id", _NAMES[it.id])


def _with(node: ast.AST, name: str, value: object) -> ast.AST:
    setattr(node, name, value)
    return node


def _with_operator(node: ast.AST, operator: ast.AST) -> ast.AST:
    return _with(node, *(("ops", [operator]) if isinstance(node, ast.Compare) else ("op", operator)))


def _without(call: ast.AST, number: int) -> ast.AST:
    assert isinstance(call, ast.Call)
    return _with(call, "keywords", [*call.keywords[:number], *call.keywords[number + 1 :]])


def _other_constant(value: object) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return "" if value else "changed"
    return None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _apply(module: ModuleType, code: CodeType) -> None:
    """Give everything in the module the changed code; who has imported its functions already has it too."""
    fresh = {"__name__": module.__name__, "__file__": module.__file__}
    exec(code, fresh)  # noqa: S102 - our own source with one change
    for name, new in fresh.items():
        old = vars(module).get(name)
        if isinstance(new, FunctionType) and isinstance(old, FunctionType):
            _recode(old, new)
        elif isinstance(new, type) and isinstance(old, type) and new.__module__ == module.__name__:
            _recode_class(old, new)
        elif not name.startswith("__") and not isinstance(new, type | ModuleType):
            setattr(module, name, new)


def _recode(old: FunctionType, new: FunctionType) -> None:
    if old.__code__.co_filename == new.__code__.co_filename or old.__module__ == new.__module__:
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _recode_class(old: type, new: type) -> None:
    for name, value in vars(new).items():
        before = vars(old).get(name)
        if isinstance(value, property) and isinstance(before, property):
            value, before = value.fget, before.fget  # noqa: PLW2901 - what a property does is its getter
        if isinstance(value, FunctionType) and isinstance(before, FunctionType) and not name.startswith("__"):
            with suppress(ValueError):  # closures over other things: generated methods
                _recode(before, value)


def _run(tests: tuple[str, ...], apply: Callable[[], None]) -> int:
    """Start a process that runs the tests with the change; its id."""
    child = os.fork()
    if child:
        return child
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        apply()
        os._exit(int(pytest.main([*tests, *QUICKLY])))
    except BaseException:  # noqa: BLE001 - the boundary of the process: code that cannot be made is noticed
        os._exit(int(pytest.ExitCode.TESTS_FAILED))


def _is_killed(child: int) -> bool:
    """Whether its tests have failed, or do not end."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return True


def _parsed(part: str) -> ast.Module:
    return ast.parse((SOURCE / (part.replace(".", "/") + ".py")).read_text())


def _survivors(part: str, *, workers: int) -> tuple[int, list[Mutant]]:
    """How many changes there are, and those that nobody noticed."""
    tree, module = _parsed(part), importlib.import_module(part)
    if _is_killed(_run(PARTS[part], lambda: _apply(module, compile(tree, part, "exec", dont_inherit=True)))):
        raise SystemExit(f"{part}: its tests fail without any change: {' '.join(PARTS[part])}")
    found = list(mutants(part, tree, module))
    alive: list[Mutant] = []
    for start in range(0, len(found), workers):
        group = found[start : start + workers]
        running = [(one, _run(PARTS[part], lambda one=one: _apply(module, one.code(tree)))) for one in group]
        alive += [one for one, child in running if not _is_killed(child)]
    return len(found), alive


def main() -> int:
    """Print killed and survived for each part, every survivor, and the share of all; 1 when that is too small."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"modules of {', '.join(PARTS)}, by the end of the name")
    parser.add_argument("--workers", type=int, default=2, help="how many processes at a time")
    parser.add_argument("--count", action="store_true", help="only say how many changes there are")
    told = parser.parse_args()
    for tests in {each for some in PARTS.values() for each in some}:
        _warm(tests)
    chosen = [part for part in PARTS if not told.parts or part.rpartition(".")[2] in told.parts]
    if told.count:
        for part in chosen:
            print(f"{part}: {sum(1 for _ in mutants(part, _parsed(part), importlib.import_module(part)))} changes")
        return 0
    return 0 if _share_killed(chosen, workers=told.workers) >= ASKED else 1


def _share_killed(parts: list[str], *, workers: int) -> float:
    made = survived = 0
    for part in parts:
        count, alive = _survivors(part, workers=workers)
        made, survived = made + count, survived + len(alive)
        print(f"{part}: {count - len(alive)} killed, {len(alive)} survived", flush=True)
        for one in alive:
            print(f"  line {one.line}: {one.words}", flush=True)
    share = 1 - survived / max(made, 1)
    print(f"all: {made - survived} of {made} killed, {share:.1%}; asked is {ASKED:.0%}")
    return share


def _warm(tests: str) -> None:
    """Import what the tests import, once and not in every process."""
    if (rigs := str(ROOT / "tests")) not in sys.path:
        sys.path.insert(0, rigs)
    for node in ast.walk(ast.parse(Path(tests).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("aetherlink", "rigs"):
            importlib.import_module(node.module)


if __name__ == "__main__":
    sys.exit(main())
