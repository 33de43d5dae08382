// What a training step does outside of its layers: the loss, and the update of the weights in place.

// dx = dy / (1 - rate) where mask is 1, else 0.
static void dropoutGradient(Team& team, long size, double rate, const float* dy, const unsigned char* mask, float* dx) {
  const float kept = static_cast<float>(1 / (1 - rate));
  parallelChunks(team, size, [=](long from, long to) {
    for (long i = from; i < to; ++i) dx[i] = mask[i] != 0 ? dy[i] * kept : 0;
  });
}

// y = x / (1 - rate) where a random number says keep, else 0; mask has 1 for what is kept. The numbers are those of
// src/random.ts, sfc32 (Chris Doty-Humphrey, PractRand), from the state that it has after seeding: every engine drops
// the same.
static void dropout(Team& team, long size, const uint32_t (&state)[4], double rate, const float* x, unsigned char* mask,
                    float* y) {
  uint32_t a = state[0], b = state[1], c = state[2], counter = state[3];
  // One number after the other: a stream cannot be shared out.
  const double threshold = rate * 4294967296.0;
  for (long i = 0; i < size; ++i) {
    const uint32_t out = a + b + counter;
    ++counter;
    a = b ^ (b >> 9);
    b = c + (c << 3);
    c = ((c << 21) | (c >> 11)) + out;
    mask[i] = out < threshold ? 0 : 1;
  }
  dropoutGradient(team, size, rate, x, mask, y);
}

// Whether no value is NaN or infinite, by their exponents: compared as whole numbers, the loop fills vectors.
static bool allFinite(const float* values, long size) {
  uint32_t worst = 0;
  for (long i = 0; i < size; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7fffffff;
    worst = bits > worst ? bits : worst;
  }
  return worst < 0x7f800000;
}

// SGD as PyTorch's: g = gradient + decay * w; v = momentum * v + g; d = nesterov ? g + momentum * v : v; w -= rate * d.
// velocity is null without momentum. Returns whether the gradient is finite: looked at here, it is still in the cache.
static bool sgdStep(Team& team, long size, float* w, const float* gradient, float* velocity, float rate, float momentum,
                    float decay, bool nesterov) {
  int broken = 0;
  parallelChunks(team, size, [=, &broken](long from, long to) {
    if (!allFinite(gradient + from, to - from)) __atomic_store_n(&broken, 1, __ATOMIC_RELAXED);
    if (velocity == nullptr) {
      for (long i = from; i < to; ++i) w[i] -= rate * (gradient[i] + decay * w[i]);
    } else if (nesterov) {
      for (long i = from; i < to; ++i) {
        const float g = gradient[i] + decay * w[i];
        const float v = velocity[i] = momentum * velocity[i] + g;
        w[i] -= rate * (g + momentum * v);
      }
    } else {
      for (long i = from; i < to; ++i) {
        const float v = velocity[i] = momentum * velocity[i] + (gradient[i] + decay * w[i]);
        w[i] -= rate * v;
      }
    }
  });
  return broken == 0;
}

// Adam with decoupled weight decay (arXiv:1412.6980, arXiv:1711.05101):
// m = beta1 m + (1 - beta1) g; s = beta2 s + (1 - beta2) g^2; w = keep * w - rate * m / (sqrt(s * squareScale) + epsilon).
// Returns whether the gradient is finite.
static bool adamStep(Team& team, long size, float* w, const float* gradient, float* mean, float* square,
                     const Adam& a) {
  int broken = 0;
  parallelChunks(team, size, [=, &broken](long from, long to) {
    if (!allFinite(gradient + from, to - from)) __atomic_store_n(&broken, 1, __ATOMIC_RELAXED);
    for (long i = from; i < to; ++i) {
      const float g = gradient[i];
      const float m = mean[i] = a.beta1 * mean[i] + (1 - a.beta1) * g;
      const float s = square[i] = a.beta2 * square[i] + (1 - a.beta2) * (g * g);
      w[i] = a.keep * w[i] - a.rate * m / (__builtin_sqrtf(s * a.squareScale) + a.epsilon);
    }
  });
  return broken == 0;
}

// Soft-max cross-entropy of logits [rows, classes] with labels smoothed to (1 - smoothing) * onehot + smoothing /
// classes: dx [rows, classes] is the gradient of the mean loss; loss[r] in nats, correct[r] whether the first of the
// largest logits is the label's.
static void crossEntropy(long rows, long classes, const float* x, const int* labels, float smoothing, float* dx,
                         float* loss, float* correct) {
  for (long r = 0; r < rows; ++r) {
    const float* in = x + r * classes;
    long best = 0;
    for (long i = 1; i < classes; ++i) best = in[i] > in[best] || in[i] != in[i] ? i : best;
    double sum = 0;
    for (long i = 0; i < classes; ++i) sum += __builtin_exp(static_cast<double>(in[i]) - in[best]);
    const double shift = in[best] + __builtin_log(sum);
    double total = 0;
    for (long i = 0; i < classes; ++i) {
      const double log = in[i] - shift;
      const double target = (i == labels[r] ? 1.0 - smoothing : 0.0) + smoothing / classes;
      // 0 * -infinity is not a number.
      if (target != 0) total -= target * log;
      dx[r * classes + i] = static_cast<float>((__builtin_exp(log) - target) / rows);
    }
    loss[r] = static_cast<float>(total);
    correct[r] = best == labels[r] ? 1 : 0;
  }
}
