#pragma once
#include <vector>

#include "../src/shapes.h"

// What every kernel computes, written as its definition reads: plain loops, sums in double precision, no thought of
// speed but the order of the innermost loop. Lengths and the order of dimensions are those of kernels.h.
namespace reference {

using Floats = std::vector<float>;
using Values = std::vector<double>;

// A bias may be empty: none. The image may have zeros between its pixels (dilation) and any padding, a negative one
// included.
Values convolve(const Convolution& g, const Floats& x, const Floats& w, const Floats& bias, bool relu);
Values filterGradient(const Convolution& g, const Floats& x, const Floats& dy);
// g is the forward convolution's, without dilation.
Values imageGradient(const Convolution& g, const Floats& dy, const Floats& w);

Values dense(long rows, long inputs, long outputs, const Floats& x, const Floats& w, const Floats& bias, bool relu);
Values denseInputGradient(long rows, long inputs, long outputs, const Floats& dy, const Floats& w);
Values denseWeightGradient(long rows, long inputs, long outputs, const Floats& x, const Floats& dy);

// y empty: no ReLU.
Values reluGradient(const Floats& dy, const Floats& y);
Values columnSums(long rows, long c, const Values& x);
Values unary(int op, const Floats& x, float a, float b);
// Where a factor's element of [row, column] lies: row * its row step + column * its column step.
Values binary(int op, long rows, long c, const Floats& a, long aRow, long aColumn, const Floats& b, long bRow,
              long bColumn);
Values reduceRows(int op, long rows, long c, const Floats& x, float scale);
Values softmax(long rows, long c, const Floats& x, bool logarithm);
Values transpose(long count, long rows, long columns, const Floats& x);

struct Moments {
  Values mean, variance;
};
Moments channelMoments(long rows, long c, const Floats& x);

Values scaleShift(const Images& g, const Floats& x, const Floats& scale, const Floats& shift, bool relu, bool pool);
struct NormGradient {
  Values dgamma, dbeta, dx;
};
NormGradient batchNormGradient(const NormalizedWay& way, const Floats& mean, const Floats& inverse);

Values pool(const PoolWindow& g, bool average, const Floats& x);
Values maxPoolGradient(const PoolWindow& g, const Floats& x, const Floats& dy);
Values averagePoolGradient(const PoolWindow& g, const Floats& dy);

struct Sgd {
  float rate, momentum, decay;
  bool nesterov;
};
// Without momentum the velocity is empty, here and in the result.
struct SgdState {
  Values w, velocity;
};
SgdState sgdStep(const Floats& w, const Floats& gradient, const Floats& velocity, const Sgd& sgd);

struct AdamState {
  Values w, mean, square;
};
AdamState adamStep(const Floats& w, const Floats& gradient, const Floats& mean, const Floats& square, const Adam& adam);

struct Loss {
  Values dx, loss, correct;
};
Loss crossEntropy(long rows, long classes, const Floats& x, const std::vector<int>& labels, float smoothing);

}  // namespace reference
