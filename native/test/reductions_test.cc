// Sums, largest values, soft-max, and the way back through bias and ReLU.
#include <cmath>
#include <limits>

#include "check.h"

namespace {

constexpr float INFINITE = std::numeric_limits<float>::infinity();
const float NOT_A_NUMBER = std::nanf("");

const long SHAPES[][2] = {{1, 1},    {50, 1},   {1, 17},   {2, 3},     {5, 16},   {33, 17},   {7, 1000},  {1000, 7},  {129, 128},
                          {600, 33}, {3, 4095}, {3, 4097}, {2, 20000}, {20000, 2}, {1, 16384}, {16385, 5}};

void checkColumns(long rows, long c, const Floats& x, const Floats& y) {
  const Values z = reference::reluGradient(x, y);
  check({"reluBiasGradient", text({rows, c}), TOLERANCE, {reference::columnSums(rows, c, z), z}, [&](Run& run) {
           run.kernels.reluBiasGradient(run.team, rows, c, x.data(), y.data(), run.out(1), run.out(0));
         }});
  const Values sums = reference::columnSums(rows, c, Values(x.begin(), x.end()));
  check({"reluBiasGradient, no ReLU", text({rows, c}), TOLERANCE, {sums}, [&](Run& run) {
           run.kernels.reluBiasGradient(run.team, rows, c, x.data(), nullptr, nullptr, run.out(0));
         }});
  Values scaled = sums;
  for (double& sum : scaled) sum *= 0.3f;
  check({"sumColumns", text({rows, c}), TOLERANCE, {scaled},
         [&](Run& run) { run.kernels.sumColumns(run.team, rows, c, x.data(), 0.3f, run.out(0)); }});
}

void checkRows(int op, long rows, long c, const Floats& x) {
  check({op == REDUCE_MAX ? "reduceRows max" : "reduceRows sum", text({rows, c}), TOLERANCE,
         {reference::reduceRows(op, rows, c, x, 0.3f)},
         [&](Run& run) { run.kernels.reduceRows(run.team, op, rows, c, x.data(), 0.3f, run.out(0)); }});
}

void checkSoftmax(long rows, long c, const Floats& x) {
  check({"softmax", text({rows, c}), TOLERANCE, {reference::softmax(rows, c, x, false)},
         [&](Run& run) { run.kernels.softmax(run.team, rows, c, x.data(), run.out(0)); }});
}

void testSums(Random& random) {
  for (const auto& [rows, c] : SHAPES) {
    const Floats x = random.values(rows * c);
    Floats y = random.values(rows * c);
    // What a ReLU gives: nothing below zero, much that is zero.
    for (float& v : y) v = v < 0 ? 0 : v;
    checkColumns(rows, c, x, y);
    checkRows(REDUCE_SUM, rows, c, x);
    checkRows(REDUCE_MAX, rows, c, x);
  }
  // All of one sign: rounding errors grow with the sum.
  const long many = few ? 100000 : 1000000;
  Floats positive = random.values(many);
  for (float& v : positive) v = std::fabs(v);
  checkRows(REDUCE_SUM, 1, many, positive);
  checkColumns(many / 4, 4, positive, positive);
  checkRows(REDUCE_MAX, 3, 3, {1, NOT_A_NUMBER, 2, -INFINITE, -INFINITE, -INFINITE, INFINITE, 1, 2});
}

void testSoftmax(Random& random) {
  for (const auto& [rows, c] : SHAPES) {
    Floats x = random.values(rows * c);
    for (float& v : x) v *= 10;
    checkSoftmax(rows, c, x);
  }
  checkSoftmax(4, 3, {1e4f, -1e4f, 0, -1e30f, -1e30f, -1e30f, 3e38f, -3e38f, 1, 0, -INFINITE, 1});
  checkSoftmax(2, 3, {NOT_A_NUMBER, 1, 2, 1, NOT_A_NUMBER, -INFINITE});
}

}  // namespace

void testReductions() {
  Random random(5);
  testSums(random);
  testSoftmax(random);
}
