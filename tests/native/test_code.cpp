// Kernels, the loader and programs of the core.
#include <cmath>
#include <memory>

#include "harness.h"
#include "map_job.h"
#include "pool.h"
#include "program.h"
#include "sample.h"

using namespace tilewright;
using sample::constant;
using sample::join;
using sample::symbol;
using sample::times;
using sample::Words;

namespace {

std::vector<float> run(const Kernel& kernel, int64_t n) {
  std::vector<float> x(static_cast<size_t>(n)), y(x.size()), z(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i) / 64, y[i] = float(i % 5);
  void* buffers[] = {x.data(), y.data(), z.data()};
  LaunchPlan plan;
  kernel.plan(&n, plan);
  kernel.run(plan, buffers);
  return z;
}

ElfImage load(const std::string& bytes) { return ElfImage(bytes.data(), bytes.size()); }

// z = x + y by way of the arena.
Words program_words() {
  const Words add = join({{3, 0, 1, 2, 1}, symbol(0)}), again = join({{3, 2, 1, 3, 1}, symbol(0)});
  return join({{0x545031, 1, 2, 1, 1, 4}, times(4, 0), {11, 1}, symbol(0), {11, 1}, symbol(0),
               {0, 0}, constant(0), {0, 1}, constant(0), {2, 0}, constant(0), {1, 11}, times(4, 0),
               {3, 11, 1}, symbol(0), {2, 0, 0}, add, {0, 0}, again});
}

std::unique_ptr<Program> program_of(const Words& words,
                                    const std::shared_ptr<const Kernel>& kernel) {
  return std::make_unique<Program>(
      words.data(), words.size() * 8, std::vector<std::shared_ptr<const AnyKernel>>{kernel}, "test");
}

}  // namespace

TEST(a_kernel_on_one_thread_and_on_many) {
  set_num_threads(3);
  for (int64_t cost : {1, 10'000'000})
    for (int64_t n : {0, 1, 100, 10'000}) {
      const std::vector<float> z = run(*sample::kernel("add", cost), n);
      bool right = true;
      for (size_t i = 0; i < z.size(); ++i) right = right && z[i] == float(i) / 64 + float(i % 5);
      CHECK(right);
    }
}

TEST(relocations_of_this_machine) {
  const std::vector<float> z = run(*sample::kernel("everything", 1), 100);
  for (size_t i = 0; i < z.size(); ++i) {
    const double x = double(i) / 64, row = double((i & 7) % 5);
    const double expected =
        (i & 1 ? std::exp(x) : std::sin(x)) * double(1 << (i & 3)) + 0.25 + std::tanh(row) + 41;
    CHECK(std::fabs(z[i] - expected) < 1e-4);
  }
}

TEST(damaged_objects_are_refused_or_loaded) {
  const std::string& good = sample::object();
  CHECK(good.size() > 500);
  for (size_t cut = 0; cut < good.size(); cut += 5)
    CHECK_FAILS((load(good.substr(0, cut)), 0), "kernel: ");
  sample::Chance chance;
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    // A block of its own, so that a sanitizer sees reads behind the end.
    std::unique_ptr<char[]> bad(new char[good.size()]);
    good.copy(bad.get(), good.size());
    for (uint64_t i = chance.below(4) + 1; i; --i)
      bad[chance.below(good.size())] = char("\0\1\x7f\x80\xff\x10"[chance.below(6)]);
    try {
      ElfImage(bad.get(), good.size());
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST(damaged_kernel_words) {
  const Words good = sample::kernel_words("add", 1);
  const int64_t extremes[] = {-1, 0, 1, 3, 65, 4097, INT64_MAX, INT64_MIN};
  for (size_t at = 0; at < good.size(); ++at)
    for (int64_t value : extremes) {
      Words bad = good;
      bad[at] = value;
      try {
        const Kernel kernel(sample::object().data(), sample::object().size(), bad.data(),
                            bad.size() * 8, {});
        LaunchPlan plan;
        int64_t sizes[kMaxArguments] = {};
        kernel.plan(sizes, plan);
      } catch (const Error&) {
        CHECK(true);
      }
    }
}

TEST(a_program) {
  const auto kernel = sample::kernel("add", 1);
  const auto program = program_of(program_words(), kernel);
  for (int64_t n : {0, 1, 5, 1000}) {
    BufferRef x(allocate(n * 4)), y(allocate(n * 4));
    for (int64_t i = 0; i < n; ++i) {
      reinterpret_cast<float*>(x->data)[i] = float(i);
      reinterpret_cast<float*>(y->data)[i] = 1;
    }
    const ProgramInput inputs[] = {{x->data, x.get(), DType::Float32, 1, &n},
                                   {y->data, y.get(), DType::Float32, 1, &n}};
    const PlanRef plan = program->plan(inputs);
    ProgramOutput output;
    program->run(*plan.plan, inputs, &output);
    CHECK(output.shape.ndim == 1 && output.shape.dims[0] == n);
    bool right = true;
    for (int64_t i = 0; i < n; ++i)
      right = right && reinterpret_cast<float*>(output.buffer->data)[i] == float(i + 2);
    CHECK(right);
  }
  const int64_t three = 3, four = 4;
  float data[4] = {};
  char* at = reinterpret_cast<char*>(data);
  const ProgramInput unequal[] = {{at, nullptr, DType::Float32, 1, &three},
                                  {at, nullptr, DType::Float32, 1, &four}};
  CHECK_FAILS(program->plan(unequal), "test: input 1 has shape (4,); it must be (3,)");
}

TEST(damaged_programs) {
  const auto kernel = sample::kernel("add", 1);
  const Words good = program_words();
  const int64_t n = 0;  // the kernel runs over nothing, whatever it is given
  float data[1];
  char* at_data = reinterpret_cast<char*>(data);
  const int64_t extremes[] = {-1, 0, 1, 2, 3, 4, 17, 1 << 20, INT64_MAX, INT64_MIN};
  std::vector<ProgramInput> inputs(1 << 20, {at_data, nullptr, DType::Float32, 1, &n});
  for (size_t at = 0; at < good.size(); ++at)
    for (int64_t value : extremes) {
      Words bad = good;
      bad[at] = value;
      try {
        const auto program = program_of(bad, kernel);
        const PlanRef plan = program->plan(inputs.data());
        std::vector<ProgramOutput> outputs(size_t(program->n_outputs()));
        if (plan->cost < 100'000) program->run(*plan.plan, inputs.data(), outputs.data());
      } catch (const Error&) {
        CHECK(true);
      }
    }
  for (size_t cut = 0; cut < good.size(); ++cut)
    CHECK_FAILS(program_of(Words(good.begin(), good.begin() + long(cut)), kernel), "test: ");
}

TEST(map_jobs) {
  const auto kernel = sample::kernel("add", 1);
  std::vector<float> x(600), y(600), z(600);
  for (size_t i = 0; i < 600; ++i) x[i] = float(i), y[i] = float(1000 * i);
  MapJob job;  // z[i, j] = x[j, i] + y[i, j], of shape (20, 30)
  job.n_inputs = 2;
  job.ndim = 2;
  job.dims[0] = 20, job.dims[1] = 30;
  job.inputs[0] = {reinterpret_cast<char*>(x.data()), 4, {1, 20}};
  job.inputs[1] = {reinterpret_cast<char*>(y.data()), 4, {30, 1}};
  job.output = reinterpret_cast<char*>(z.data());
  job.output_itemsize = 4;
  job.prepare();
  CHECK(job.ndim == 1 && job.inner() == 600 && job.mask() == 0);
  LaunchPlan plan;
  const int64_t n = job.inner();
  kernel->plan(&n, plan);
  job.run(*kernel, plan);
  bool right = true;
  for (size_t i = 0; i < 20; ++i)
    for (size_t j = 0; j < 30; ++j) right = right && z[i * 30 + j] == x[j * 20 + i] + y[i * 30 + j];
  CHECK(right);
}
