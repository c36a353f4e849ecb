// What a program does with effects before it runs: reads, checks and plans them.
#include "effect.h"
#include "program.h"

namespace tilewright {
namespace {

constexpr int64_t kLongestText = 1 << 16, kManyValues = 1 << 12;

bool is_sound(const Effect& effect) {
  const size_t n_values = size_t(effect.n_values);
  if (effect.kind != Effect::Callback && effect.types.size() != n_values) return false;
  switch (effect.kind) {
    case Effect::Print: return true;
    case Effect::Check: return n_values >= 1 && effect.types[0].type == DType::Bool;
    case Effect::CheckFinite: return n_values == 1;
    case Effect::Callback:
      return n_values >= 1 && effect.types[0].type == DType::Int64 && effect.types[0].dims.empty();
  }
  return false;
}

}  // namespace

// The kind, two texts, then values and results: how many, and of each its slot and type.
void AnyProgram::read_effect(WordReader& words, Instruction& step) {
  auto effect = std::make_shared<Effect>();
  effect->kind = Effect::Kind(words.next("kind of an effect", Effect::Print, Effect::Callback));
  effect->text = words.text("text of an effect", kLongestText, 0);
  effect->where = words.text("line of an effect", kLongestText, 0);
  for (const bool are_results : {false, true}) {
    const int64_t count = words.next("number of values of an effect", 0, kManyValues);
    if (!are_results) effect->n_values = int(count);
    for (int64_t i = 0; i < count; ++i) {
      step.slots.push_back(read_slot(words));
      Type type = read_type(words);
      effect->types.push_back({type.type, std::move(type.dims)});
    }
  }
  if (!is_sound(*effect)) words.damaged("an effect does not fit its values");
  for (size_t i = size_t(effect->n_values); i < step.slots.size(); ++i)
    if (slots_[size_t(step.slots[i])].kind == InputSlot)
      words.damaged("a callback writes an input");
  if (effect->kind == Effect::Callback && !host_takes_callbacks())
    fail(ErrorKind::Foreign,
         "%s: it calls back the Python function %s (%s), and runs only in a process of Python",
         name_.c_str(), effect->text.c_str(), effect->where.c_str());
  step.effect = std::move(effect);
}

void AnyProgram::plan_effect(const Instruction& step, ProgramPlan& plan) const {
  const char* name = name_.c_str();
  EffectPlan made;
  for (size_t i = 0; i < step.effect->types.size(); ++i) {
    const EffectType& type = step.effect->types[i];
    Shape shape;
    for (const SizeExpr& dim : type.dims)
      shape.dims[shape.ndim++] = dim.evaluate(plan.symbols.data());
    const int size = itemsize(type.type);
    const int64_t bytes = checked_size(name, shape.ndim, shape.dims, size) * size;
    const int64_t available = room(plan, step.slots[i]);
    if (bytes > available)
      fail(ErrorKind::Value, "%s: value %zu of an effect is %lld bytes in a slot of %lld", name, i,
           static_cast<long long>(bytes), static_cast<long long>(available));
    made.shapes.push_back(shape);
  }
  plan.effects.push_back(std::move(made));
}

std::vector<EffectArray> arrays_of(const Effect& effect, const EffectPlan& plan) {
  std::vector<EffectArray> arrays;
  for (size_t i = 0; i < plan.shapes.size(); ++i)
    arrays.push_back({nullptr, effect.types[i].type, plan.shapes[i].ndim, plan.shapes[i].dims});
  return arrays;
}

}  // namespace tilewright
