// Batch normalisation over the channels of [rows, c], with the ReLU and the 2x2 max-pool that may follow it, there and
// back (Ioffe and Szegedy, arXiv:1502.03167).

// mean [c] and variance [c] (biased) of x [rows, c]. Each few rows give their own mean and sum of squared differences,
// while they are in the first-level cache; these are merged in order (Chan, Golub and LeVeque 1979).
static void channelMoments(Team& team, long rows, long c, const float* x, float* mean, float* variance) {
  const long perItem = most(1, 4096 / c), items = ceilDiv(rows, perItem), width = ceilDiv(c, LANES) * LANES;
  team.reserve(0, items * 2 * width);
  float* parts = team.shared();
  parallel(team, items, [&](long item, long) {
    float* sum = parts + item * 2 * width;
    float* square = sum + width;
    const long count = least(perItem, rows - item * perItem);
    const float* in = x + item * perItem * c;
    const float share = 1.0f / count;
    for (long i = 0; i + LANES <= c; i += LANES) {
      Vec total{};
      for (long r = 0; r < count; ++r) total += load(in + r * c + i);
      const Vec centre = total * share;
      Vec spreadOut{};
      for (long r = 0; r < count; ++r) {
        const Vec difference = load(in + r * c + i) - centre;
        spreadOut += difference * difference;
      }
      store(sum + i, centre);
      store(square + i, spreadOut);
    }
    for (long i = c / LANES * LANES; i < c; ++i) {
      float total = 0, spreadOut = 0;
      for (long r = 0; r < count; ++r) total += in[r * c + i];
      const float centre = total * share;
      for (long r = 0; r < count; ++r) spreadOut += (in[r * c + i] - centre) * (in[r * c + i] - centre);
      sum[i] = centre;
      square[i] = spreadOut;
    }
  });
  parallel(team, ceilDiv(c, LANES), [&](long item, long) {
    for (long i = item * LANES; i < least(c, (item + 1) * LANES); ++i) {
      double centre = 0, squares = 0, seen = 0;
      for (long part = 0; part < items; ++part) {
        const double count = static_cast<double>(least(perItem, rows - part * perItem));
        const double delta = parts[part * 2 * width + i] - centre;
        seen += count;
        centre += delta * count / seen;
        squares += parts[part * 2 * width + width + i] + delta * delta * count * (seen - count) / seen;
      }
      mean[i] = static_cast<float>(centre);
      variance[i] = static_cast<float>(squares / rows);
    }
  });
}

// y = x * scale + shift, then ReLU (optional). All [rows, c].
static void scaleShift(Team& team, long rows, long c, const float* x, const float* scale, const float* shift, bool relu,
                       float* y) {
  const long perItem = rowsPerItem(c);
  parallel(team, ceilDiv(rows, perItem), [=](long item, long) {
    const long end = least(rows, (item + 1) * perItem);
    for (long r = item * perItem; r < end; ++r) {
      const float* in = x + r * c;
      float* out = y + r * c;
      for (long i = 0; i < c; ++i) {
        const float value = in[i] * scale[i] + shift[i];
        out[i] = relu && value < 0 ? 0 : value;
      }
    }
  });
}

// The same, and then the largest of each 2x2 block: x [n, h, w, c], y [n, h/2, w/2, c]; an odd last row or column is left
// out, as by a valid pool.
static void scaleShiftPool(Team& team, const Images& g, const float* x, const float* scale, const float* shift,
                           bool relu, float* y) {
  const long oh = g.h / 2, ow = g.w / 2, line = g.w * g.c;
  parallel(team, g.n * oh, [=](long item, long) {
    const float* in = x + (item / oh * g.h + item % oh * 2) * line;
    float* out = y + item * ow * g.c;
    for (long p = 0; p < ow; ++p) {
      const float* at = in + 2 * p * g.c;
      for (long i = 0; i < g.c; ++i) {
        const float a = at[i] * scale[i] + shift[i], b = at[g.c + i] * scale[i] + shift[i];
        const float d = at[line + i] * scale[i] + shift[i], e = at[line + g.c + i] * scale[i] + shift[i];
        float value = b > a || b != b ? b : a;
        value = d > value || d != d ? d : value;
        value = e > value || e != e ? e : value;
        out[p * g.c + i] = relu && value < 0 ? 0 : value;
      }
    }
  });
}

// One pass over z = dy * [what passed ReLU and pool], by 2x2 blocks or single rows; calls each(row of x, i, z).
// Ties: the first of a block in reading order has its gradient, as in TensorFlow.js and PyTorch.
static inline long itemsOf(const NormalizedWay& way) {
  return way.pool ? way.g.n * ceilDiv(way.g.h, 2) : ceilDiv(way.g.rows(), rowsPerItem(way.g.c));
}

template <class Each>
static inline void eachGradient(const NormalizedWay& way, long item, const Each& each) {
  const Images& g = way.g;
  if (!way.pool) {
    const long perItem = rowsPerItem(g.c), end = least(g.rows(), (item + 1) * perItem);
    for (long r = item * perItem; r < end; ++r) {
      const float* in = way.x + r * g.c;
      const float* back = way.dy + r * g.c;
      long i = 0;
      for (; i + LANES <= g.c; i += LANES) {
        const Vec value = load(in + i);
        Vec z = load(back + i);
        if (way.relu) z = value * load(way.scale + i) + load(way.shift + i) > Vec{} ? z : Vec{};
        each.vec(r, i, value, z);
      }
      for (; i < g.c; ++i) {
        float z = back[i];
        if (way.relu && !(in[i] * way.scale[i] + way.shift[i] > 0)) z = 0;
        each.one(r, i, in[i], z);
      }
    }
    return;
  }
  const long blocks = ceilDiv(g.h, 2), oh = g.h / 2, ow = g.w / 2;
  const long image = item / blocks, y = item % blocks;
  for (long column = 0; column < ceilDiv(g.w, 2); ++column) {
    const long first = (image * g.h + 2 * y) * g.w + 2 * column;
    const bool whole = y < oh && column < ow;
    const long down = 2 * y + 1 < g.h ? g.w : 0, right = 2 * column + 1 < g.w ? 1 : 0;
    const long row[4] = {first, first + right, first + down, first + down + right};
    const float* back = way.dy + ((image * oh + y) * ow + column) * g.c;
    long i = 0;
    if (whole) {
      for (; i + LANES <= g.c; i += LANES) {
        const Vec scale = load(way.scale + i), shift = load(way.shift + i), from = load(back + i);
        Vec value[4], passed[4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          value[k] = load(way.x + row[k] * g.c + i);
          passed[k] = value[k] * scale + shift;
        }
        const Vec best = maximum(maximum(passed[0], passed[1]), maximum(passed[2], passed[3]));
        Vec left = way.relu ? (best > Vec{} ? from : Vec{}) : from;
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          const Vec z = passed[k] == best ? left : Vec{};
          left = passed[k] == best ? Vec{} : left;
          each.vec(row[k], i, value[k], z);
        }
      }
    }
    for (; i < g.c; ++i) {
      float value[4], best = 0;
      int at = -1;
      for (int k = 0; k < 4; ++k) {
        value[k] = way.x[row[k] * g.c + i];
        const float passed = value[k] * way.scale[i] + way.shift[i];
        if (at < 0 || passed > best) best = passed, at = k;
      }
      for (int k = 0; k < 4; ++k) {
        // Outside of the whole blocks there are fewer than four, and none has a gradient.
        if ((k == 1 && !right) || (k == 2 && !down) || (k == 3 && !(down && right))) continue;
        each.one(row[k], i, value[k], whole && k == at && (!way.relu || best > 0) ? back[i] : 0);
      }
    }
  }
}

// The way back through max-pool, ReLU and batch norm. With x^ = (x - mean) * inverse and z the gradient of x^'s result:
// dbeta = sum(z), dgamma = sum(z * x^), dx = gamma * inverse * (z - dbeta / rows - x^ * dgamma / rows).
// scale = gamma * inverse and shift = beta - mean * scale are what the forward pass used.
static void batchNormGradient(Team& team, const NormalizedWay& way, const float* mean, const float* inverse, float* dgamma,
                              float* dbeta, float* dx) {
  const long c = way.g.c, rows = way.g.rows(), width = ceilDiv(c, LANES) * LANES;
  // Partial sums over a fixed number of parts, added in order.
  const long parts = least(64, itemsOf(way)), perPart = ceilDiv(itemsOf(way), parts);
  team.reserve(0, (2 * parts + 2) * width);
  float* sums = team.shared();
  parallel(team, parts, [&](long part, long) {
    float* sum = sums + part * 2 * width;
    float* product = sum + width;
    clearFloats(sum, 2 * width);
    struct {
      float *sum, *product;
      const float* mean;
      void vec(long, long i, Vec value, Vec z) const {
        store(sum + i, load(sum + i) + z);
        store(product + i, load(product + i) + z * (value - load(mean + i)));
      }
      void one(long, long i, float value, float z) const {
        sum[i] += z;
        product[i] += z * (value - mean[i]);
      }
    } each{sum, product, mean};
    const long end = least(itemsOf(way), (part + 1) * perPart);
    for (long item = part * perPart; item < end; ++item) eachGradient(way, item, each);
  });
  float* slope = sums + 2 * parts * width;
  float* offset = slope + width;
  for (long i = 0; i < c; ++i) {
    double sum = 0, product = 0;
    for (long part = 0; part < parts; ++part) {
      sum += sums[part * 2 * width + i];
      product += sums[part * 2 * width + width + i];
    }
    dbeta[i] = static_cast<float>(sum);
    dgamma[i] = static_cast<float>(product * inverse[i]);
    // dx = scale * z + slope * (x - mean) + offset
    slope[i] = static_cast<float>(-product * inverse[i] * inverse[i] / rows) * way.scale[i];
    offset[i] = static_cast<float>(-sum / rows) * way.scale[i];
  }
  parallel(team, itemsOf(way), [&](long item, long) {
    struct {
      const float *scale, *slope, *offset, *mean;
      float* dx;
      long c;
      void vec(long r, long i, Vec value, Vec z) const {
        store(dx + r * c + i, load(scale + i) * z + (load(slope + i) * (value - load(mean + i)) + load(offset + i)));
      }
      void one(long r, long i, float value, float z) const {
        dx[r * c + i] = scale[i] * z + (slope[i] * (value - mean[i]) + offset[i]);
      }
    } each{way.scale, slope, offset, mean, dx, c};
    eachGradient(way, item, each);
  });
}
