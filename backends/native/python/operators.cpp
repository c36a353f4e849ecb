#include "operators.h"

#include <algorithm>
#include <cstring>

#include "create.h"
#include "scalars.h"

namespace tilewright {
namespace {

enum Op {
  Add, Sub, Mul, TrueDiv, FloorDiv, Mod, Pow, MatMul, And, Or, Xor, LShift, RShift,
  Lt, Le, Eq, Ne, Gt, Ge, Neg, Pos, Abs, Invert, kOps
};

constexpr const char* kNames[kOps] = {
    "add", "sub",    "mul",    "truediv", "floordiv", "mod", "pow", "matmul",
    "and", "or",     "xor",    "lshift",  "rshift",   "lt",  "le",  "eq",
    "ne",  "gt",     "ge",     "neg",     "pos",      "abs", "invert"};

MapKernel* tables[2][kOps][kDTypes];  // of the usual mode, and of the reproducible one
MapKernel* casts[kDTypes][kDTypes];  // exact, so the same in both

MapKernel*& kernel_of(int op, DType type) {
  return tables[thread_flags.reproducible][op][int(type)];
}

PyObject* names[kOps];      // interned, for the slow path
PyObject* functions[kOps];  // what is called where no kernel of the table will do, or null

PyObject* slow(PyObject* name, PyObject* a, PyObject* b) {
  if (!name) return nullptr;
  if (!registry.slow) {
    PyErr_Format(PyExc_RuntimeError, "%U: _native.setup has not been called", name);
    return nullptr;
  }
  return PyObject_CallFunctionObjArgs(registry.slow, name, a, b ? b : Py_None, nullptr);
}

PyObject* slow(Op op, PyObject* a, PyObject* b) {
  if (functions[op]) {
    PyObject* arguments[2] = {a, b};
    return PyObject_Vectorcall(functions[op], arguments, b ? 2 : 1, nullptr);
  }
  if (!names[op]) names[op] = PyUnicode_InternFromString(kNames[op]);
  return slow(names[op], a, b);
}

// Python's own number types only: NumPy's scalars have a dtype, which the slow path looks at.
bool is_weak_scalar(PyObject* object, Kind* kind) {
  if (PyFloat_CheckExact(object)) return *kind = Kind::Float, true;
  if (PyComplex_CheckExact(object)) return *kind = Kind::Complex, true;
  if (PyLong_CheckExact(object)) return *kind = Kind::Integer, true;
  if (PyBool_Check(object)) return *kind = Kind::Bool, true;
  return false;
}

PyObject* cells_fast(Op op, Cell* a, Cell* b) {
  const DType type =
      a->type == b->type ? a->type : registry.promotion[int(a->type)][int(b->type)];
  MapKernel* kernel = kernel_of(op, type);
  if (!kernel || kernel->n_inputs != 2 || !ready(a) || !ready(b)) return nullptr;
  // uint64 and signed integers compare exactly, which floats do not.
  if (op >= Lt && op <= Ge && kind(type) == Kind::Float && kind(a->type) == Kind::Integer &&
      kind(b->type) == Kind::Integer)
    return nullptr;
  py::object converted[2];
  Cell* operands[2] = {a, b};
  for (int i = 0; i < 2; ++i) {
    if (operands[i]->type == type) continue;
    MapKernel* cast = casts[int(operands[i]->type)][int(type)];
    if (!cast) return nullptr;
    const MapArgument source = MapArgument::of(operands[i]);
    operands[i] = run_map(cast, &source);
    converted[i] = py::reinterpret_steal<py::object>(object_of(operands[i]));
  }
  const MapArgument arguments[2] = {MapArgument::of(operands[0]), MapArgument::of(operands[1])};
  return object_of(run_map(kernel, arguments));
}

// A scalar takes the array's dtype if that is of its kind or a wider one.
PyObject* scalar_fast(Op op, Cell* cell, PyObject* scalar, bool cell_first) {
  Kind scalar_kind;
  MapKernel* kernel = kernel_of(op, cell->type);
  if (!kernel || kernel->n_inputs != 2 || !is_weak_scalar(scalar, &scalar_kind) ||
      kind(cell->type) < scalar_kind || !ready(cell))
    return nullptr;
  alignas(8) char element[16];
  // An integer out of range is an error or, in comparisons, an answer: the slow path knows.
  if (store_scalar(cell->type, scalar, element) != Store::Done) {
    PyErr_Clear();
    return nullptr;
  }
  const MapArgument array = MapArgument::of(cell), constant = MapArgument::of(element);
  const MapArgument arguments[2] = {cell_first ? array : constant, cell_first ? constant : array};
  return object_of(run_map(kernel, arguments));
}

PyObject* binary(Op op, PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (!thread_flags.tracing) {
      Cell *left = as_cell(a), *right = as_cell(b);
      PyObject* result = left && right ? cells_fast(op, left, right)
                         : left        ? scalar_fast(op, left, b, true)
                                       : scalar_fast(op, right, a, false);
      if (result) return result;
    }
    return slow(op, a, b);
  });
}

PyObject* unary(Op op, PyObject* a) {
  return guarded([&]() -> PyObject* {
    Cell* cell = as_cell(a);
    MapKernel* kernel = kernel_of(op, cell->type);
    if (!kernel || kernel->n_inputs != 1 || thread_flags.tracing || !ready(cell))
      return slow(op, a, nullptr);
    const MapArgument argument = MapArgument::of(cell);
    return object_of(run_map(kernel, &argument));
  });
}

template <int op>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  return binary(Op(op), a, b);
}

template <int op>
PyObject* unary_slot(PyObject* a) {
  return unary(Op(op), a);
}

PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo == Py_None) return binary(Pow, a, b);
  PyErr_SetString(PyExc_TypeError, "pow: a modulus is not supported for arrays");
  return nullptr;
}

PyObject* compare_slot(PyObject* a, PyObject* b, int how) {
  static_assert(Py_LT == 0 && Py_LE == 1 && Py_EQ == 2 && Py_NE == 3 && Py_GT == 4 && Py_GE == 5);
  return binary(Op(Lt + how), a, b);
}

// Puts the result of an operator into the cell, if neither tape nor trace nor a conversion has a
// say: a root takes the new value over, a view writes its window.
bool take_over(Cell* target, PyObject* object) {
  Cell* value = as_cell(object);
  const bool fits = value && value->type == target->type && value->ndim == target->ndim &&
                    std::equal(value->dims, value->dims + value->ndim, target->dims) &&
                    ready(value);
  if (!fits) return false;
  if (target->base || value->base) {
    write(object_of(target), object);
    return true;
  }
  BufferRef old(target->buffer);
  target->buffer = BufferRef::share(value->buffer).take();
  ++target->version;
  return true;
}

// In-place operators write to a cell, whose views, tape and trace Python knows.
template <int op>
PyObject* in_place_slot(PyObject* a, PyObject* b) {
  Cell *target = as_cell(a), *other = as_cell(b);
  if (target && !thread_flags.tracing && ready(target) && (!other || ready(other))) {
    const py::object result = py::reinterpret_steal<py::object>(binary(Op(op), a, b));
    if (!result) return nullptr;
    PyObject* done = guarded([&] {
      return take_over(target, result.ptr()) ? Py_NewRef(a) : Py_NewRef(Py_NotImplemented);
    });
    if (done != Py_NotImplemented) return done;
    Py_DECREF(done);
  }
  static PyObject* name = PyUnicode_InternFromString((std::string("i") + kNames[op]).c_str());
  return slow(name, a, b);
}

PyObject* in_place_power_slot(PyObject* a, PyObject* b, PyObject*) {
  return in_place_slot<Pow>(a, b);
}

// A conversion to a Python scalar, or the slow path's answer for a value that is being traced.
PyObject* only_element(const char* name, PyObject* self) {
  Cell* cell = as_cell(self);
  if (!is_concrete(cell) || thread_flags.tracing) {
    py::object text = py::reinterpret_steal<py::object>(PyUnicode_InternFromString(name));
    return slow(text.ptr(), self, nullptr);
  }
  const bool is_bool = std::strcmp(name, "bool") == 0;
  if (is_bool ? cell->size == 1 : cell->ndim == 0)
    return guarded([&] {
      const py::object host = on_host(cell);
      Cell* element = reinterpret_cast<Cell*>(host.ptr());
      return load_scalar(cell->type, data_of(element));
    });
  if (is_bool)
    PyErr_SetString(PyExc_ValueError,
                    cell->size ? "The truth value of an array with more than one element is "
                                 "ambiguous. Use a.any() or a.all()"
                               : "The truth value of an empty array is ambiguous. Use "
                                 "`array.size > 0` to check that an array is not empty.");
  else
    PyErr_SetString(PyExc_TypeError, "only arrays without axes can be converted to Python scalars");
  return nullptr;
}

int to_bool(PyObject* self) {
  py::object element = py::reinterpret_steal<py::object>(only_element("bool", self));
  return element ? PyObject_IsTrue(element.ptr()) : -1;
}

PyObject* to_int(PyObject* self) {
  py::object element = py::reinterpret_steal<py::object>(only_element("int", self));
  return element ? PyNumber_Long(element.ptr()) : nullptr;
}

PyObject* to_float(PyObject* self) {
  py::object element = py::reinterpret_steal<py::object>(only_element("float", self));
  return element ? PyNumber_Float(element.ptr()) : nullptr;
}

PyObject* to_index(PyObject* self) {
  if (kind(as_cell(self)->type) != Kind::Integer) {
    PyErr_SetString(PyExc_TypeError, "only integer arrays of size 1 can be converted to an index");
    return nullptr;
  }
  py::object element = py::reinterpret_steal<py::object>(only_element("index", self));
  return element ? PyNumber_Index(element.ptr()) : nullptr;
}

template <class Function>
void* slot(Function function) {
  return reinterpret_cast<void*>(function);
}

void put(MapKernel*& place, const char* what, int n_inputs, py::handle kernel) {
  if (!kernel.is_none() && Py_TYPE(kernel.ptr()) != map_kernel_type)
    fail(ErrorKind::DType, "%s: got %.100s; wanted a MapKernel or None", what,
         Py_TYPE(kernel.ptr())->tp_name);
  MapKernel* made = kernel.is_none() ? nullptr : reinterpret_cast<MapKernel*>(kernel.ptr());
  if (made && made->n_inputs != n_inputs)
    fail(ErrorKind::Value, "%s: the kernel has %d inputs; wanted %d", what, made->n_inputs,
         n_inputs);
  Py_XINCREF(made);
  MapKernel* old = place;
  place = made;
  Py_XDECREF(old);
}

void check_inputs(const char* what, py::handle kernel, DType wanted) {
  if (kernel.is_none() || Py_TYPE(kernel.ptr()) != map_kernel_type) return;
  const MapKernel* made = reinterpret_cast<MapKernel*>(kernel.ptr());
  for (int i = 0; i < made->n_inputs; ++i)
    if (made->input_types[i] != wanted)
      fail(ErrorKind::DType, "%s: input %d of the kernel is %s; wanted %s", what, i,
           name(made->input_types[i]), name(wanted));
}

}  // namespace

void set_operator(const std::string& text, DType type, py::handle kernel) {
  for (int op = 0; op < kOps; ++op) {
    if (text != kNames[op]) continue;
    check_inputs("set_operator", kernel, type);
    return put(kernel_of(op, type), "set_operator", op < Neg ? 2 : 1, kernel);
  }
  fail(ErrorKind::Value, "set_operator: there is no operator %.100s", text.c_str());
}

void set_cast(DType source, DType target, py::handle kernel) {
  check_inputs("set_cast", kernel, source);
  put(casts[int(source)][int(target)], "set_cast", 1, kernel);
}

void set_operator_function(const std::string& text, py::object function) {
  for (int op = 0; op < kOps; ++op) {
    if (text != kNames[op]) continue;
    Py_XSETREF(functions[op], function.is_none() ? nullptr : function.release().ptr());
    return;
  }
  fail(ErrorKind::Value, "set_operator_function: there is no operator %.100s", text.c_str());
}

PyType_Slot operator_slots[] = {
    {Py_nb_add, slot(binary_slot<Add>)},
    {Py_nb_subtract, slot(binary_slot<Sub>)},
    {Py_nb_multiply, slot(binary_slot<Mul>)},
    {Py_nb_true_divide, slot(binary_slot<TrueDiv>)},
    {Py_nb_floor_divide, slot(binary_slot<FloorDiv>)},
    {Py_nb_remainder, slot(binary_slot<Mod>)},
    {Py_nb_power, slot(power_slot)},
    {Py_nb_matrix_multiply, slot(binary_slot<MatMul>)},
    {Py_nb_and, slot(binary_slot<And>)},
    {Py_nb_or, slot(binary_slot<Or>)},
    {Py_nb_xor, slot(binary_slot<Xor>)},
    {Py_nb_lshift, slot(binary_slot<LShift>)},
    {Py_nb_rshift, slot(binary_slot<RShift>)},
    {Py_nb_inplace_add, slot(in_place_slot<Add>)},
    {Py_nb_inplace_subtract, slot(in_place_slot<Sub>)},
    {Py_nb_inplace_multiply, slot(in_place_slot<Mul>)},
    {Py_nb_inplace_true_divide, slot(in_place_slot<TrueDiv>)},
    {Py_nb_inplace_floor_divide, slot(in_place_slot<FloorDiv>)},
    {Py_nb_inplace_remainder, slot(in_place_slot<Mod>)},
    {Py_nb_inplace_power, slot(in_place_power_slot)},
    {Py_nb_inplace_matrix_multiply, slot(in_place_slot<MatMul>)},
    {Py_nb_inplace_and, slot(in_place_slot<And>)},
    {Py_nb_inplace_or, slot(in_place_slot<Or>)},
    {Py_nb_inplace_xor, slot(in_place_slot<Xor>)},
    {Py_nb_inplace_lshift, slot(in_place_slot<LShift>)},
    {Py_nb_inplace_rshift, slot(in_place_slot<RShift>)},
    {Py_nb_negative, slot(unary_slot<Neg>)},
    {Py_nb_positive, slot(unary_slot<Pos>)},
    {Py_nb_absolute, slot(unary_slot<Abs>)},
    {Py_nb_invert, slot(unary_slot<Invert>)},
    {Py_nb_bool, slot(to_bool)},
    {Py_nb_int, slot(to_int)},
    {Py_nb_float, slot(to_float)},
    {Py_nb_index, slot(to_index)},
    {Py_tp_richcompare, slot(compare_slot)},
    {0, nullptr},
};

}  // namespace tilewright
