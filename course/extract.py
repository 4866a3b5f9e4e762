"""Take the asked functions out of a notebook, by name.

Students copy, split, delete and reorder cells, so nothing is looked up by cell. A function comes with the functions,
classes, imports and constants that it needs from the top level of any code cell; the last definition of a name counts,
as it does when the notebook runs from top to bottom. Nothing is run here.
"""

import ast
import json
import symtable
import warnings

from IPython.core.inputtransformer2 import TransformerManager

MODULES = (
    "torch",
    "numpy",
    "math",
    "typing",
    "functools",
    "itertools",
    "collections",
    "dataclasses",
)
# Ways to the ready-made cells, to the disk, to other processes, and round this list.
NAMES = set(["LSTM", "LSTMCell", "GRU", "GRUCell", "RNN", "RNNCell", "RNNBase", "RNNCellBase"])
NAMES |= set(
    [
        "eval",
        "exec",
        "compile",
        "open",
        "input",
        "breakpoint",
        "getattr",
        "setattr",
        "delattr",
        "globals",
        "locals",
        "vars",
        "memoryview",
    ]
)
ATTRIBUTES = set(
    [
        "lstm",
        "lstm_cell",
        "gru",
        "gru_cell",
        "quantized_lstm",
        "quantized_gru",
        "rnn_tanh",
        "rnn_relu",
    ]
)
ATTRIBUTES |= set(
    ["LSTM", "LSTMCell", "GRU", "GRUCell", "RNN", "RNNCell", "RNNBase", "RNNCellBase"]
)
ATTRIBUTES |= set(
    [
        "os",
        "sys",
        "subprocess",
        "importlib",
        "builtins",
        "modules",
        "ctypes",
        "hub",
        "ops",
        "load",
        "save",
        "from_file",
        "_C",
        "_VF",
        "utils",
    ]
)
ATTRIBUTES |= set(
    [
        "multiprocessing",
        "fromfile",
        "tofile",
        "loadtxt",
        "savetxt",
        "genfromtxt",
        "savez",
        "memmap",
        "ctypeslib",
    ]
)


class Unreadable(Exception):
    """The file is no notebook; the message says why."""


def code_cells(path):
    """The sources of the notebook's code cells, as ``{number of the cell: source}``. Lenient: copied ids are fine."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = {k: cell["source"] for k, cell in enumerate(cells, 1) if cell["cell_type"] == "code"}
        return {
            k: source if isinstance(source, str) else "".join(source) for k, source in code.items()
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(
            f"the file is not a notebook: {type(error).__name__}: {str(error)[:100]}"
        ) from error


def parse(source):
    """The statements of a cell; lines for the notebook itself (``%time``, ``!pip``, ``name?``) do no harm."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        if source.lstrip().startswith("%%"):
            source = source.lstrip().partition("\n")[2]
        return ast.parse(TransformerManager().transform_cell(source)).body


def defined(statement):
    """The names that a top-level statement defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).partition(".")[0] for alias in names}
        case ast.Assign(targets=targets):
            nodes = [
                node
                for target in targets
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            ]
            return {
                node.id for node in nodes if isinstance(node.ctx, ast.Store)
            }  # torch.x = 1 defines no torch
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
    return set()


def untouched(statement):
    """Is it a function that only raises NotImplementedError, as handed out?"""
    if not isinstance(statement, ast.FunctionDef):
        return False
    body = [
        line
        for line in statement.body
        if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
    ]
    return (
        len(body) == 1
        and isinstance(body[0], ast.Raise)
        and "NotImplementedError" in ast.unparse(body[0])
    )


def definitions(cells):
    """``{name: (position, statement)}`` and a list of remarks on the cells that could not be read."""
    found, remarks = {}, []
    for number, source in cells.items():
        try:
            with warnings.catch_warnings(
                action="ignore"
            ):  # "\sigma" in a docstring is the student's affair
                statements = parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            remarks.append(
                f"cell {number} was left out, Python cannot read it: {getattr(error, 'msg', error)}{where}"
            )
            continue
        for k, statement in enumerate(statements):
            for name in defined(statement):
                # An untouched copy further down does not hide the function that was written.
                if not (name in found and untouched(statement)):
                    found[name] = ((number, k), statement)
    return found, remarks


def needs(statement):
    """The global names that a statement, or anything nested in it, refers to."""
    tables = [symtable.symtable(ast.unparse(statement), "cell", "exec")]
    names = {symbol.get_name() for symbol in tables[0].get_symbols() if symbol.is_referenced()}
    while tables := [child for table in tables for child in table.get_children()]:
        names |= {
            symbol.get_name()
            for table in tables
            for symbol in table.get_symbols()
            if symbol.is_global()
        }
    return names


def pieces(name, found):
    """The statements that the function needs, itself included, in the notebook's order."""
    todo, taken = {name}, {}
    while todo:
        position, statement = found[todo.pop()]
        if position not in taken:
            taken[position] = statement
            todo |= needs(statement) & found.keys()
    return [taken[position] for position in sorted(taken)]


def refused(statements):
    """What the assignment does not allow, as the student wrote it, or None.

    This stops the honest and the lazy. It is no protection against somebody determined: that is the sandbox's work.
    """
    for node in (node for statement in statements for node in ast.walk(statement)):
        match node:
            case ast.Import(names=names):
                wrong = [alias.name for alias in names if alias.name.split(".")[0] not in MODULES]
                parts = [part for alias in names for part in alias.name.split(".")]
            case ast.ImportFrom(module=module, names=names, level=level):
                wrong = (
                    []
                    if level == 0 and module.split(".")[0] in MODULES
                    else ["." * level + (module or "")]
                )
                parts = [
                    part
                    for text in (module or "", *(alias.name for alias in names))
                    for part in text.split(".")
                ]
            case ast.Name(id=name):
                wrong, parts = [name] if name in NAMES or name.startswith("__") else [], []
            case ast.Attribute(attr=name):
                dunder = name.startswith("__") and name != "__init__"
                wrong, parts = [ast.unparse(node)] if name in ATTRIBUTES or dunder else [], []
            case _:
                continue
        wrong += [part for part in parts if part in ATTRIBUTES]
        if wrong:
            return wrong[0][:60]
    return None
