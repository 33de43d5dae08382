#include "reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace reference {

namespace {

constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
constexpr double INFINITE = std::numeric_limits<double>::infinity();

// NaN stays NaN.
double rectified(double value) { return value < 0 ? 0 : value; }

// Calls each(image, result's row and column, tap's row and column, image's row and column) for every product of a
// convolution that does not fall on a zero.
template <class Each>
void eachTap(const Convolution& g, const Each& each) {
  for (long n = 0; n < g.n; ++n) {
    for (long oy = 0; oy < g.oh; ++oy) {
      for (long ox = 0; ox < g.ow; ++ox) {
        for (long ky = 0; ky < g.kh; ++ky) {
          for (long kx = 0; kx < g.kw; ++kx) {
            const long y = oy * g.strideY + ky - g.padTop, x = ox * g.strideX + kx - g.padLeft;
            if (y < 0 || y % g.dilationY != 0 || y / g.dilationY >= g.h) continue;
            if (x < 0 || x % g.dilationX != 0 || x / g.dilationX >= g.w) continue;
            const long result = ((n * g.oh + oy) * g.ow + ox) * g.co;
            const long image = ((n * g.h + y / g.dilationY) * g.w + x / g.dilationX) * g.ci;
            each(result, image, (ky * g.kw + kx) * g.ci * g.co);
          }
        }
      }
    }
  }
}

// Calls each(result, image's element) for every element below every result of a pool, in reading order.
template <class Each>
void eachOfWindow(const PoolWindow& g, const Each& each) {
  for (long n = 0; n < g.n; ++n) {
    for (long oy = 0; oy < g.oh; ++oy) {
      for (long ox = 0; ox < g.ow; ++ox) {
        for (long ky = 0; ky < g.kh; ++ky) {
          for (long kx = 0; kx < g.kw; ++kx) {
            const long y = oy * g.strideY + ky - g.padTop, x = ox * g.strideX + kx - g.padLeft;
            if (y < 0 || y >= g.h || x < 0 || x >= g.w) continue;
            for (long c = 0; c < g.c; ++c) {
              each(((n * g.oh + oy) * g.ow + ox) * g.c + c, ((n * g.h + y) * g.w + x) * g.c + c);
            }
          }
        }
      }
    }
  }
}

}  // namespace

// --------------------------------------------------------------------------------------------------- convolutions

Values convolve(const Convolution& g, const Floats& x, const Floats& w, const Floats& bias, bool relu) {
  Values y(g.n * g.oh * g.ow * g.co);
  eachTap(g, [&](long result, long image, long tap) {
    for (long i = 0; i < g.ci; ++i) {
      for (long o = 0; o < g.co; ++o) y[result + o] += double(x[image + i]) * w[tap + i * g.co + o];
    }
  });
  for (size_t i = 0; i < y.size(); ++i) {
    if (!bias.empty()) y[i] += bias[i % g.co];
    if (relu) y[i] = rectified(y[i]);
  }
  return y;
}

Values filterGradient(const Convolution& g, const Floats& x, const Floats& dy) {
  Values dw(g.kh * g.kw * g.ci * g.co);
  eachTap(g, [&](long result, long image, long tap) {
    for (long i = 0; i < g.ci; ++i) {
      for (long o = 0; o < g.co; ++o) dw[tap + i * g.co + o] += double(x[image + i]) * dy[result + o];
    }
  });
  return dw;
}

Values imageGradient(const Convolution& g, const Floats& dy, const Floats& w) {
  Values dx(g.n * g.h * g.w * g.ci);
  eachTap(g, [&](long result, long image, long tap) {
    for (long i = 0; i < g.ci; ++i) {
      for (long o = 0; o < g.co; ++o) dx[image + i] += double(dy[result + o]) * w[tap + i * g.co + o];
    }
  });
  return dx;
}

// --------------------------------------------------------------------------------------------------- dense layers

Values dense(long rows, long inputs, long outputs, const Floats& x, const Floats& w, const Floats& bias, bool relu) {
  Values y(rows * outputs);
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < inputs; ++i) {
      for (long o = 0; o < outputs; ++o) y[r * outputs + o] += double(x[r * inputs + i]) * w[i * outputs + o];
    }
    for (long o = 0; o < outputs; ++o) {
      double& value = y[r * outputs + o];
      if (!bias.empty()) value += bias[o];
      if (relu) value = rectified(value);
    }
  }
  return y;
}

Values denseInputGradient(long rows, long inputs, long outputs, const Floats& dy, const Floats& w) {
  Values dx(rows * inputs);
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < inputs; ++i) {
      for (long o = 0; o < outputs; ++o) dx[r * inputs + i] += double(dy[r * outputs + o]) * w[i * outputs + o];
    }
  }
  return dx;
}

Values denseWeightGradient(long rows, long inputs, long outputs, const Floats& x, const Floats& dy) {
  Values dw(inputs * outputs);
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < inputs; ++i) {
      for (long o = 0; o < outputs; ++o) dw[i * outputs + o] += double(x[r * inputs + i]) * dy[r * outputs + o];
    }
  }
  return dw;
}

// ---------------------------------------------------------------------------------------------- loops over memory

Values reluGradient(const Floats& dy, const Floats& y) {
  Values z(dy.begin(), dy.end());
  for (size_t i = 0; i < y.size(); ++i) z[i] = y[i] > 0 ? z[i] : 0;
  return z;
}

Values columnSums(long rows, long c, const Values& x) {
  Values sums(c);
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < c; ++i) sums[i] += x[r * c + i];
  }
  return sums;
}

Values unary(int op, const Floats& x, float a, float b) {
  Values y(x.begin(), x.end());
  for (double& v : y) {
    const bool nan = std::isnan(v);
    switch (op) {
      case UNARY_RELU: v = rectified(v); break;
      case UNARY_RELU6: v = nan ? v : std::min(rectified(v), 6.0); break;
      case UNARY_STEP: v = nan ? v : v > 0 ? 1 : a; break;
      case UNARY_SQUARE: v = v * v; break;
      case UNARY_SQRT: v = std::sqrt(v); break;
      case UNARY_RSQRT: v = 1 / std::sqrt(v); break;
      case UNARY_NEG: v = -v; break;
      case UNARY_ABS: v = std::fabs(v); break;
      case UNARY_RECIPROCAL: v = 1 / v; break;
      case UNARY_CLIP: v = nan ? v : std::min(std::max(v, double(a)), double(b)); break;
      case UNARY_SCALE: v = v * a; break;
    }
  }
  return y;
}

Values binary(int op, long rows, long c, const Floats& a, long aRow, long aColumn, const Floats& b, long bRow,
              long bColumn) {
  Values y(rows * c);
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < c; ++i) {
      const double p = a[r * aRow + i * aColumn], q = b[r * bRow + i * bColumn];
      const bool nan = std::isnan(p) || std::isnan(q);
      double& v = y[r * c + i];
      switch (op) {
        case BINARY_ADD: v = p + q; break;
        case BINARY_SUB: v = p - q; break;
        case BINARY_MUL: v = p * q; break;
        case BINARY_DIV: v = p / q; break;
        case BINARY_MAXIMUM: v = nan ? NOT_A_NUMBER : std::max(p, q); break;
        case BINARY_MINIMUM: v = nan ? NOT_A_NUMBER : std::min(p, q); break;
        case BINARY_SQUARED_DIFFERENCE: v = (p - q) * (p - q); break;
      }
    }
  }
  return y;
}

Values reduceRows(int op, long rows, long c, const Floats& x, float scale) {
  Values y(rows);
  for (long r = 0; r < rows; ++r) {
    y[r] = op == REDUCE_MAX ? -INFINITE : 0;
    for (long i = 0; i < c; ++i) {
      const double v = x[r * c + i];
      if (op == REDUCE_MAX) {
        y[r] = std::isnan(v) || v > y[r] ? v : y[r];
      } else {
        y[r] += v;
      }
    }
    if (op == REDUCE_SUM) y[r] *= scale;
  }
  return y;
}

Values softmax(long rows, long c, const Floats& x, bool logarithm) {
  Values y(rows * c);
  for (long r = 0; r < rows; ++r) {
    double top = -INFINITE, sum = 0;
    for (long i = 0; i < c; ++i) top = std::max(top, double(x[r * c + i]));
    for (long i = 0; i < c; ++i) sum += std::exp(x[r * c + i] - top);
    for (long i = 0; i < c; ++i) {
      const double shifted = x[r * c + i] - top;
      y[r * c + i] = logarithm ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  }
  return y;
}

Values transpose(long count, long rows, long columns, const Floats& x) {
  Values y(x.size());
  for (long n = 0; n < count; ++n) {
    for (long r = 0; r < rows; ++r) {
      for (long c = 0; c < columns; ++c) y[(n * columns + c) * rows + r] = x[(n * rows + r) * columns + c];
    }
  }
  return y;
}

// -------------------------------------------------------------------------------------------- batch normalisation

Moments channelMoments(long rows, long c, const Floats& x) {
  Moments moments{columnSums(rows, c, Values(x.begin(), x.end())), Values(c)};
  for (double& mean : moments.mean) mean /= rows;
  for (long r = 0; r < rows; ++r) {
    for (long i = 0; i < c; ++i) {
      const double difference = x[r * c + i] - moments.mean[i];
      moments.variance[i] += difference * difference / rows;
    }
  }
  return moments;
}

namespace {
// The elements of x below element `result` of a pool, [n, h / 2, w / 2, c], in reading order.
struct Block {
  long at[4];
  Block(const Images& g, long result) {
    const long oh = g.h / 2, ow = g.w / 2;
    const long c = result % g.c, x = result / g.c % ow, y = result / g.c / ow % oh, n = result / g.c / ow / oh;
    for (long k = 0; k < 4; ++k) at[k] = ((n * g.h + 2 * y + k / 2) * g.w + 2 * x + k % 2) * g.c + c;
  }
};

long pooledLength(const Images& g) { return g.n * (g.h / 2) * (g.w / 2) * g.c; }
}  // namespace

Values scaleShift(const Images& g, const Floats& x, const Floats& scale, const Floats& shift, bool relu, bool pool) {
  Values passed(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    passed[i] = double(x[i]) * scale[i % g.c] + shift[i % g.c];
    if (relu) passed[i] = rectified(passed[i]);
  }
  if (!pool) return passed;
  Values y(pooledLength(g), -INFINITE);
  for (size_t i = 0; i < y.size(); ++i) {
    for (const long at : Block(g, i).at) y[i] = std::isnan(y[i]) || y[i] >= passed[at] ? y[i] : passed[at];
  }
  return y;
}

NormGradient batchNormGradient(const NormalizedWay& way, const Floats& mean, const Floats& inverse) {
  const Images& g = way.g;
  const long rows = g.rows(), c = g.c;
  Values z(rows * c), passed(rows * c);
  for (long i = 0; i < rows * c; ++i) passed[i] = double(way.x[i]) * way.scale[i % c] + way.shift[i % c];
  if (way.pool) {
    for (long i = 0; i < pooledLength(g); ++i) {
      const Block block(g, i);
      long best = block.at[0];
      for (const long at : block.at) best = passed[at] > passed[best] ? at : best;
      z[best] = way.dy[i];
    }
  } else {
    std::copy(way.dy, way.dy + rows * c, z.begin());
  }
  for (long i = 0; i < rows * c; ++i) {
    if (way.relu && !(passed[i] > 0)) z[i] = 0;
  }
  NormGradient result{Values(c), columnSums(rows, c, z), Values(rows * c)};
  const auto normalized = [&](long i) { return (double(way.x[i]) - mean[i % c]) * inverse[i % c]; };
  for (long i = 0; i < rows * c; ++i) result.dgamma[i % c] += z[i] * normalized(i);
  for (long i = 0; i < rows * c; ++i) {
    const double common = result.dbeta[i % c] / rows + normalized(i) * result.dgamma[i % c] / rows;
    result.dx[i] = way.scale[i % c] * (z[i] - common);
  }
  return result;
}

// ---------------------------------------------------------------------------------------------------------- pools

Values pool(const PoolWindow& g, bool average, const Floats& x) {
  Values y(g.n * g.oh * g.ow * g.c, average ? 0 : -INFINITE), count(y.size());
  eachOfWindow(g, [&](long result, long at) {
    y[result] = average ? y[result] + x[at] : x[at] > y[result] ? x[at] : y[result];
    count[result] += 1;
  });
  // A window that lies in the padding altogether has no average: 0 / 0.
  for (size_t i = 0; average && i < y.size(); ++i) y[i] /= count[i];
  return y;
}

Values maxPoolGradient(const PoolWindow& g, const Floats& x, const Floats& dy) {
  const Values y = pool(g, false, x);
  Values dx(x.size());
  std::vector<bool> found(dy.size());
  eachOfWindow(g, [&](long result, long at) {
    // Where nothing is larger than -infinity, nothing won.
    if (found[result] || x[at] != y[result] || y[result] == -INFINITE) return;
    found[result] = true;
    dx[at] += dy[result];
  });
  return dx;
}

Values averagePoolGradient(const PoolWindow& g, const Floats& dy) {
  Values dx(g.n * g.h * g.w * g.c);
  eachOfWindow(g, [&](long result, long at) { dx[at] += double(dy[result]) / (g.kh * g.kw); });
  return dx;
}

// ------------------------------------------------------------------------------------------------------- training

SgdState sgdStep(const Floats& w, const Floats& gradient, const Floats& velocity, const Sgd& sgd) {
  SgdState next{Values(w.begin(), w.end()), Values(velocity.begin(), velocity.end())};
  for (size_t i = 0; i < w.size(); ++i) {
    const double g = gradient[i] + double(sgd.decay) * w[i];
    double step = g;
    if (!velocity.empty()) {
      const double v = next.velocity[i] = double(sgd.momentum) * velocity[i] + g;
      step = sgd.nesterov ? g + sgd.momentum * v : v;
    }
    next.w[i] -= sgd.rate * step;
  }
  return next;
}

AdamState adamStep(const Floats& w, const Floats& gradient, const Floats& mean, const Floats& square, const Adam& adam) {
  AdamState next{Values(w.size()), Values(w.size()), Values(w.size())};
  for (size_t i = 0; i < w.size(); ++i) {
    const double g = gradient[i];
    const double m = next.mean[i] = double(adam.beta1) * mean[i] + (1.0 - adam.beta1) * g;
    const double s = next.square[i] = double(adam.beta2) * square[i] + (1.0 - adam.beta2) * g * g;
    next.w[i] = double(adam.keep) * w[i] - adam.rate * m / (std::sqrt(s * adam.squareScale) + adam.epsilon);
  }
  return next;
}

Loss crossEntropy(long rows, long classes, const Floats& x, const std::vector<int>& labels, float smoothing) {
  Loss result{Values(rows * classes), Values(rows), Values(rows)};
  for (long r = 0; r < rows; ++r) {
    const Floats row(x.begin() + r * classes, x.begin() + (r + 1) * classes);
    const Values probability = softmax(1, classes, row, false), logarithm = softmax(1, classes, row, true);
    for (long i = 0; i < classes; ++i) {
      const double target = (i == labels[r] ? 1.0 - smoothing : 0.0) + double(smoothing) / classes;
      // What has no part in the target has none in the loss, however unlikely it is.
      if (target != 0) result.loss[r] -= target * logarithm[i];
      result.dx[r * classes + i] = (probability[i] - target) / rows;
    }
    result.correct[r] = std::max_element(row.begin(), row.end()) - row.begin() == labels[r];
  }
  return result;
}

}  // namespace reference
