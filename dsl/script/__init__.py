"""`tw.script`: a function staged from its source, so that its control flow stays in the program.

    source.py       function -> its node in the file's syntax tree
    names.py        what statements store, read, and whether they jump
    liveness.py     which names are still read after a statement
    expressions.py  and, or, not, chained comparisons, calls -> calls of the runtime
    statements.py   if, while, for, return, ... -> calls of a frame, with nested functions as blocks
    rewriting.py    the whole function -> a code object with the user's file and lines
    conversion.py   which functions are rewritten when scripted code calls them
    frame.py        the statements at run time: Python's own, or staged where a test is traced
    choosing.py     staging `if`: both sides as regions
    looping.py      staging `while` and `for`: the turn as a region
    state.py        the names and containers that a block changes: saved, put back, compared
    turns.py        what a `for` goes over: ranges, arrays, enumerate, zip, reversed
    values.py       the expressions at run time
    builtins.py     what int(), max(), range(), ... mean for traced values
    runtime.py      the names that rewritten code calls

A block is rewritten as a function without arguments that declares the names it stores `nonlocal`,
so that its closure gives the runtime the cells of these names. It returns a code: how it was left
(the end, `continue`, `break` or `return`), a number which may be traced itself.
"""
