// Dense layers.
#include <cmath>

#include "check.h"

namespace {

void checkDense(long rows, long inputs, long outputs, Random& random, bool nan = false) {
  Floats x = random.values(rows * inputs);
  if (nan) x[x.size() / 2] = std::nanf("");
  const Floats w = random.values(inputs * outputs), dy = random.values(rows * outputs);
  const bool relu = nan || random.chance();
  const Floats bias = random.values(random.chance() ? outputs : 0);
  const std::string shape = text({rows, inputs, outputs}) + (bias.empty() ? "" : ", bias") + (relu ? ", ReLU" : "");
  const auto checkSums = [&](const char* kernel, long terms, const Values& expected, std::function<void(Run&)> call) {
    Check sums{kernel, shape, TOLERANCE, {expected}, call};
    // So many products of two numbers from [-1, 1] usually add up to three times this.
    sums.least = std::sqrt(static_cast<double>(terms)) / 10;
    check(sums);
  };
  checkSums("denseForward", inputs, reference::dense(rows, inputs, outputs, x, w, bias, relu), [&](Run& run) {
    run.kernels.denseForward(run.team, rows, inputs, outputs, x.data(), w.data(), bias.empty() ? nullptr : bias.data(),
                             relu, run.out(0));
  });
  checkSums("denseInputGradient", outputs, reference::denseInputGradient(rows, inputs, outputs, dy, w), [&](Run& run) {
    run.kernels.denseInputGradient(run.team, rows, inputs, outputs, dy.data(), w.data(), run.out(0));
  });
  checkSums("denseWeightGradient", rows, reference::denseWeightGradient(rows, inputs, outputs, x, dy), [&](Run& run) {
    run.kernels.denseWeightGradient(run.team, rows, inputs, outputs, x.data(), dy.data(), run.out(0));
  });
}

}  // namespace

void testDense() {
  Random random(3);
  checkDense(1, 1, 1, random);
  // Around the few rows that have a loop of their own, the depth of a block, and its width.
  for (const long rows : {1, 4, 5, 9}) {
    for (const long inputs : {7, 64, 255, 256, 257, 513}) {
      for (const long outputs : {1, 10, 33, 64}) checkDense(rows, inputs, outputs, random);
    }
  }
  for (const long outputs : {7, 8, 9, 15, 16, 17, 31, 32, 127, 128, 129, 512, 513}) checkDense(6, 65, outputs, random);
  for (const long rows : {2, 3, 6, 7, 8, 12, 13, 16, 17, 32, 33, 64, 65}) checkDense(rows, 63, 34, random);
  for (long i = 0; i < (few ? 5 : 30); ++i) {
    checkDense(random.between(1, 40), random.between(1, 700), random.between(1, 300), random);
  }
  // Lecture VGG16's classifier, a picture and a few of them.
  checkDense(1, few ? 2048 : 25088, 10, random);
  checkDense(12, few ? 515 : 4096, 100, random);
  checkDense(1, 33, 21, random, true);
  checkDense(9, 33, 21, random, true);
}
