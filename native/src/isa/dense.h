// Dense layers: matrix products whose larger factor, the weights [inputs, outputs], is read once and never copied whole.

// Copies [height, width] floats whose rows lie `stride` apart in far memory to where `place(row, column)` says, NR
// columns at a time, and some rows with each of `calls` calls: what is copied was asked for while a block was multiplied,
// one call before the last.
template <class Place>
class Copying {
 public:
  Copying(const float* from, long stride, long height, long width, long depth, long calls, const Place& place)
      : from_(from), stride_(stride), height_(width > 0 ? height : 0), width_(width), depth_(depth), place_(place),
        perCall_(most(1, ceilDiv(height_, most(1, calls - 2)))) {}
  // Copies some rows that were asked for before the last call; returns which to ask for now.
  Both some(const Near& near) {
    for (const long end = least(height_, asked_ - perCall_); copied_ < end; ++copied_) copy(copied_);
    const float* next = from_ + asked_ * stride_;
    asked_ += perCall_;
    if (asked_ - perCall_ >= height_) return {near, {{from_, 0}, depth_, 0}};
    const long steps = most(1, depth_ / perCall_), step = ceilDiv(width_, steps);
    return {near, {{next, step}, steps, stride_ - steps * step}};
  }
  void all() {
    for (; copied_ < height_; ++copied_) copy(copied_);
  }

 private:
  void copy(long row) const {
    const float* in = from_ + row * stride_;
    for (long column = 0; column < width_; column += NR) {
      float* out = place_(row, column);
      if (width_ - column >= NR) {
#pragma GCC unroll 4
        for (long v = 0; v < NR; v += LANES) store(out + v, load(in + column + v));
      } else {
        for (long v = 0; v < NR; ++v) out[v] = column + v < width_ ? in[column + v] : 0;
      }
    }
  }
  const float* from_;
  long stride_, height_, width_, depth_;
  const Place& place_;
  long perCall_;
  long copied_ = 0, asked_ = 0;
};

// y [rows, outputs] = x [rows, inputs] w + bias, and ReLU. A thread takes some columns of w: it copies a block of them
// into panels and multiplies all rows with it, while it copies the next.
static void denseForward(Team& team, long rows, long inputs, long outputs, const float* x, const float* w,
                         const float* bias, bool relu, float* y) {
  enum : long { DEPTH = 256 };
  const long panels = ceilDiv(outputs, NR), perItem = most(1, least(8, panels / (2 * team.size())));
  const long width = perItem * NR, steps = ceilDiv(inputs, DEPTH);
  // Rows that lie a power of two apart would share a few cache sets: x is copied to [steps][rows][stride].
  constexpr long stride = DEPTH + 16;
  team.reserve(2 * DEPTH * width + rows * width, steps * rows * stride);
  float* left = team.shared();
  parallel(team, steps, [&](long s, long) {
    const long depth = least(DEPTH, inputs - s * DEPTH);
    for (long r = 0; r < rows; ++r) copyFloats(left + (s * rows + r) * stride, x + r * inputs + s * DEPTH, depth);
  });
  parallel(team, ceilDiv(panels, perItem), [&](long item, long worker) {
    float* packed[2] = {team.scratch(worker), team.scratch(worker) + DEPTH * width};
    float* sum = packed[1] + DEPTH * width;
    const long o0 = item * width, columns = least(width, outputs - o0);
    float* target = packed[0];
    const auto place = [&](long k, long column) { return target + column * DEPTH + k * NR; };
    const auto copying = [&](long s) {
      const long k = least(inputs, s * DEPTH);
      return Copying(w + k * outputs + o0, outputs, least(DEPTH, inputs - k), columns, DEPTH,
                     tileSteps(rows, columns), place);
    };
    copying(0).all();
    for (long s = 0; s < steps; ++s) {
      target = packed[(s + 1) % 2];
      auto next = copying(s + 1);
      const float* right = packed[s % 2];
      multiplyTiles(left + s * rows * stride, stride, rows, right, DEPTH * NR, right, least(DEPTH, inputs - s * DEPTH), sum,
                    width, columns, s > 0, [&](const Near& near) { return next.some(near); });
      next.all();
    }
    for (long r = 0; r < rows; ++r) {
      for (long o = 0; o < columns; ++o) {
        const float value = sum[r * width + o] + (bias == nullptr ? 0 : bias[o0 + o]);
        y[r * outputs + o0 + o] = relu && value < 0 ? 0 : value;
      }
    }
  });
}

// The same for a few rows, which wait for the weights to come from memory: these are read in the order they lie in.
static void denseForwardFew(Team& team, long rows, long inputs, long outputs, const float* x, const float* w,
                            const float* bias, bool relu, float* y) {
  enum : long { AT_ONCE = 8 };
  const long slots = least(SLOTS, ceilDiv(inputs, AT_ONCE)), perSlot = ceilDiv(ceilDiv(inputs, slots), AT_ONCE) * AT_ONCE;
  team.reserve(0, slots * rows * outputs);
  float* sums = team.shared();
  parallel(team, slots, [&](long slot, long) {
    float* sum = sums + slot * rows * outputs;
    clearFloats(sum, rows * outputs);
    const long end = least(inputs, (slot + 1) * perSlot);
    for (long k0 = slot * perSlot; k0 < end; k0 += AT_ONCE) {
      const long depth = least(AT_ONCE, end - k0);
      for (long r = 0; r < rows; ++r) {
        float* out = sum + r * outputs;
        const float* in = x + r * inputs + k0;
        const float* weights = w + k0 * outputs;
        long o = 0;
        if (depth == AT_ONCE) {
          for (; o + LANES <= outputs; o += LANES) {
            Vec value = load(out + o);
#pragma GCC unroll 8
            for (long k = 0; k < AT_ONCE; ++k) value += splat(in[k]) * load(weights + k * outputs + o);
            store(out + o, value);
          }
        }
        for (; o < outputs; ++o) {
          for (long k = 0; k < depth; ++k) out[o] += in[k] * weights[k * outputs + o];
        }
      }
    }
  });
  for (long r = 0; r < rows; ++r) {
    for (long o = 0; o < outputs; ++o) {
      float value = bias == nullptr ? 0 : bias[o];
      for (long s = 0; s < slots; ++s) value += sums[(s * rows + r) * outputs + o];
      y[r * outputs + o] = relu && value < 0 ? 0 : value;
    }
  }
}

// dx [rows, inputs] = dy [rows, outputs] w^T, computed as its transpose w dy^T: then w's rows are read as they lie.
static void denseInputGradient(Team& team, long rows, long inputs, long outputs, const float* dy, const float* w,
                               float* dx) {
  enum : long { DEPTH = 256, TURN = 64 };
  const long panels = ceilDiv(rows, NR), width = panels * NR, steps = ceilDiv(outputs, DEPTH);
  // Rows of w that a thread takes: many, because all of dy goes by for each of them.
  const long block = most(1, least(16, inputs / (4 * SR * team.size()))) * SR;
  constexpr long stride = DEPTH + 16;
  team.reserve(block * (width + 2 * stride), steps * panels * DEPTH * NR);
  float* turned = team.shared();
  // dy^T in panels: turned[step][panel][DEPTH][NR].
  parallel(team, ceilDiv(outputs, TURN), [&](long item, long) {
    const long from = item * TURN, to = least(outputs, from + TURN);
    for (long r = 0; r < width; ++r) {
      for (long o = from; o < to; ++o) {
        turned[((o / DEPTH * panels + r / NR) * DEPTH + o % DEPTH) * NR + r % NR] = r < rows ? dy[r * outputs + o] : 0;
      }
    }
  });
  parallel(team, ceilDiv(inputs, block), [&](long item, long worker) {
    float* left[2] = {team.scratch(worker), team.scratch(worker) + block * stride};
    float* sum = left[1] + block * stride;
    const long first = item * block, count = least(block, inputs - first);
    float* target = left[0];
    const auto place = [&](long r, long column) { return target + r * stride + column; };
    const auto copying = [&](long s) {
      const long o = least(outputs, s * DEPTH);
      return Copying(w + first * outputs + o, outputs, count, least(DEPTH, outputs - o), DEPTH,
                     tileSteps(count, width), place);
    };
    copying(0).all();
    for (long s = 0; s < steps; ++s) {
      target = left[(s + 1) % 2];
      auto next = copying(s + 1);
      const float* panel = turned + s * panels * DEPTH * NR;
      multiplyTiles(left[s % 2], stride, count, panel, DEPTH * NR, panel + (s + 1 < steps ? panels * DEPTH * NR : 0),
                    least(DEPTH, outputs - s * DEPTH), sum, width, width, s > 0, [&](const Near& near) { return next.some(near); });
      next.all();
    }
    for (long r = 0; r < rows; ++r) {
      for (long i = 0; i < count; ++i) dx[r * inputs + first + i] = sum[i * width + r];
    }
  });
}

// dw [inputs, outputs] = x^T dy.
static void denseWeightGradient(Team& team, long rows, long inputs, long outputs, const float* x, const float* dy,
                                float* dw) {
  enum : long { BLOCK = 64, STRIDE = BLOCK + 16 };
  const long panels = ceilDiv(outputs, NR);
  team.reserve(rows * STRIDE + MR * NR, panels * rows * NR);
  float* packed = team.shared();
  parallel(team, rows, [&](long r, long) {
    for (long o = 0; o < panels * NR; ++o) {
      packed[(o / NR * rows + r) * NR + o % NR] = o < outputs ? dy[r * outputs + o] : 0;
    }
  });
  parallel(team, ceilDiv(inputs, BLOCK), [&](long item, long worker) {
    float* left = team.scratch(worker);
    float* tile = left + rows * STRIDE;
    const long first = item * BLOCK, count = least(BLOCK, inputs - first);
    for (long r = 0; r < rows; ++r) copyFloats(left + r * STRIDE, x + r * inputs + first, count);
    for (long panel = 0; panel < panels; ++panel) {
      const long o0 = panel * NR, columns = least(NR, outputs - o0);
      for (long m = 0; m < count; m += MR) {
        const long some = least(MR, count - m);
        float* out = dw + (first + m) * outputs + o0;
        if (columns == NR) {
          microOf<Columns, MR>(some, left + m, packed + panel * rows * NR, NR, rows, out, outputs, false, Nothing(), STRIDE);
          continue;
        }
        microOf<Columns, MR>(some, left + m, packed + panel * rows * NR, NR, rows, tile, NR, false, Nothing(), STRIDE);
        for (long r = 0; r < some; ++r) copyFloats(out + r * outputs, tile + r * NR, columns);
      }
    }
  });
}
