// The loss, and the steps of the optimisers.
#include <cmath>
#include <limits>

#include "check.h"

namespace {

const long SIZES[] = {1, 3, 16, 17, 1000, 16384, 16385, 40000};

void checkSgd(long size, const reference::Sgd& sgd, Random& random) {
  const Floats w = random.values(size), gradient = random.values(size);
  const Floats velocity = random.values(sgd.momentum > 0 ? size : 0);
  const reference::SgdState next = reference::sgdStep(w, gradient, velocity, sgd);
  check({sgd.nesterov ? "sgdStep, Nesterov" : sgd.momentum > 0 ? "sgdStep, momentum" : "sgdStep", text({size}), TOLERANCE,
         {next.w, next.velocity, {1}},
         [&](Run& run) {
           *run.out(2) = run.kernels.sgdStep(run.team, size, run.out(0), gradient.data(),
                                             velocity.empty() ? nullptr : run.out(1), sgd.rate, sgd.momentum,
                                             sgd.decay, sgd.nesterov);
         },
         {w, velocity, {0}}});
}

// Wherever it is, one value that is not finite is told of.
void checkBroken(long size, float value, Random& random) {
  Floats gradient = random.values(size);
  gradient[random.next() % size] = value;
  const Adam adam{0.9f, 0.999f, 1e-8f, 0.01f, 1, 1};
  check({"steps, a gradient that is not finite", text({size}), TOLERANCE, {{0, 0}},
         [&](Run& run) {
           Floats w(size), first(size), second(size);
           run.out(0)[0] = run.kernels.sgdStep(run.team, size, w.data(), gradient.data(), nullptr, 0.1f, 0, 0, false);
           run.out(0)[1] = run.kernels.adamStep(run.team, size, w.data(), gradient.data(), first.data(), second.data(),
                                                adam);
         },
         {{1, 1}}});
}

void checkAdam(long size, long step, float decay, Random& random) {
  const float rate = 0.01f;
  const Adam adam{0.9f, 0.999f, 1e-8f, static_cast<float>(rate / (1 - std::pow(0.9, step))),
                  static_cast<float>(1 / (1 - std::pow(0.999, step))), 1 - rate * decay};
  const Floats w = random.values(size), gradient = random.values(size);
  Floats mean = random.values(size), square = random.values(size);
  for (float& v : square) v = std::fabs(v);
  if (step == 1) mean.assign(size, 0), square.assign(size, 0);
  const reference::AdamState next = reference::adamStep(w, gradient, mean, square, adam);
  check({"adamStep", text({size, step}), TOLERANCE, {next.w, next.mean, next.square, {1}},
         [&](Run& run) {
           *run.out(3) =
               run.kernels.adamStep(run.team, size, run.out(0), gradient.data(), run.out(1), run.out(2), adam);
         },
         {w, mean, square, {0}}});
}

void checkDropout(long size, double rate, Random& random) {
  const Floats x = random.values(size), dy = random.values(size);
  const uint32_t state[4] = {static_cast<uint32_t>(random.next()), static_cast<uint32_t>(random.next()),
                             static_cast<uint32_t>(random.next()), 13};
  Values y(size), dx(size);
  uint32_t a = state[0], b = state[1], c = state[2], counter = state[3];
  for (long i = 0; i < size; ++i) {
    const uint32_t out = a + b + counter++;
    a = b ^ (b >> 9);
    b = c + (c << 3);
    c = ((c << 21) | (c >> 11)) + out;
    const bool keep = out / 4294967296.0 >= rate;
    y[i] = keep ? x[i] / (1 - rate) : 0;
    dx[i] = keep ? dy[i] / (1 - rate) : 0;
  }
  check({"dropout", text({size}), TOLERANCE, {y, dx}, [&](Run& run) {
           std::vector<unsigned char> mask(size);
           run.kernels.dropout(run.team, size, state, rate, x.data(), mask.data(), run.out(0));
           run.kernels.dropoutGradient(run.team, size, rate, dy.data(), mask.data(), run.out(1));
         }});
}

void checkLoss(long rows, long classes, const Floats& x, const std::vector<int>& labels, float smoothing) {
  const reference::Loss loss = reference::crossEntropy(rows, classes, x, labels, smoothing);
  check({"crossEntropy", text({rows, classes}), TOLERANCE, {loss.dx, loss.loss, loss.correct}, [&](Run& run) {
           run.kernels.crossEntropy(rows, classes, x.data(), labels.data(), smoothing, run.out(0), run.out(1),
                                    run.out(2));
         }});
}

void testLoss(Random& random) {
  const long shapes[][2] = {{1, 1}, {1, 2}, {7, 10}, {128, 10}, {3, 1000}, {5, 17}};
  const float nan = std::nanf(""), infinite = std::numeric_limits<float>::infinity();
  for (const float smoothing : {0.0f, 0.1f}) {
    for (const auto& [rows, classes] : shapes) {
      std::vector<int> labels(rows);
      for (int& label : labels) label = static_cast<int>(random.between(0, classes - 1));
      Floats x = random.values(rows * classes);
      checkLoss(rows, classes, x, labels, smoothing);
      for (float& v : x) v *= 50;
      checkLoss(rows, classes, x, labels, smoothing);
      // Equal logits: the first counts.
      checkLoss(rows, classes, random.steps(rows * classes, 1, 1), labels, smoothing);
      checkLoss(rows, classes, Floats(rows * classes, 0), labels, smoothing);
    }
    checkLoss(3, 4, {1, nan, 2, 0, 3, 1, 2, 0, nan, nan, nan, nan}, {0, 0, 1}, smoothing);
    checkLoss(2, 3, {1e30f, -1e30f, 0, -infinite, 1, 2}, {0, 2}, smoothing);
  }
  // A label whose probability is nothing costs an infinity.
  checkLoss(2, 3, {-infinite, 1, 2, 1, 2, 3}, {0, 1}, 0);
}

}  // namespace

void testTraining() {
  Random random(8);
  for (const long size : SIZES) {
    for (const float decay : {0.0f, 5e-4f}) {
      checkSgd(size, {0.1f, 0, decay, false}, random);
      checkSgd(size, {0.1f, 0.9f, decay, false}, random);
      checkSgd(size, {0.1f, 0.9f, decay, true}, random);
      checkAdam(size, 1, decay, random);
      checkAdam(size, 100, decay, random);
    }
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      checkBroken(size, value, random);
    }
  }
  for (const long size : SIZES) {
    for (const double rate : {0.0, 0.3, 0.5, 0.999}) checkDropout(size, rate, random);
  }
  testLoss(random);
}
