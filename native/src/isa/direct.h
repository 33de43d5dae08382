// Convolution as it is defined, for filters and strides of any kind: the products of a row of the filter with the
// kw * ci neighbouring values below it, for a few pixels at a time. No image is unrolled.

// w [kh, kw, ci, co] in panels of NR columns, the last one filled up with zeros: packed[y][panel][kw * ci][NR].
static void directPackForward(Team& team, const float* w, long kh, long kw, long ci, long co, float* packed) {
  const long panels = ceilDiv(co, NR), depth = kw * ci;
  parallel(team, kh * panels, [=](long item, long) {
    const long y = item / panels, o0 = item % panels * NR, width = least(NR, co - o0);
    float* out = packed + item * depth * NR;
    for (long k = 0; k < depth; ++k) {
      const float* in = w + (y * depth + k) * co + o0;
      for (long o = 0; o < width; ++o) out[k * NR + o] = in[o];
      for (long o = width; o < NR; ++o) out[k * NR + o] = 0;
    }
  });
}

// The same for the gradient of the images: turned by 180 degrees, ci and co exchanged: packed[y][panel][kw * co][NR].
static void directPackBackward(Team& team, const float* w, long kh, long kw, long ci, long co, float* packed) {
  const long panels = ceilDiv(ci, NR);
  parallel(team, kh * panels, [=](long item, long) {
    const long y = item / panels, c0 = item % panels * NR, width = least(NR, ci - c0);
    float* out = packed + item * kw * co * NR;
    for (long x = 0; x < kw; ++x) {
      const float* in = w + (((kh - 1 - y) * kw + kw - 1 - x) * ci + c0) * co;
      for (long o = 0; o < co; ++o) {
        for (long c = 0; c < width; ++c) out[(x * co + o) * NR + c] = in[c * co + o];
        for (long c = width; c < NR; ++c) out[(x * co + o) * NR + c] = 0;
      }
    }
  });
}

// A part of the results: some rows of some images, and where their inputs lie with zeros around them.
struct Band {
  long images, rows, inRows, inColumns;
  Band(const Convolution& g, long pixels) {
    const bool small = g.oh * g.ow <= pixels;
    images = small ? least(g.n, most(1, pixels / (g.oh * g.ow))) : 1;
    rows = small ? g.oh : most(1, least(g.oh, pixels / g.ow));
    inRows = (rows - 1) * g.strideY + g.kh;
    inColumns = (g.ow - 1) * g.strideX + g.kw;
  }
  long floats(const Convolution& g) const { return images * inRows * inColumns * g.ci; }
};

// Copies what a band needs of the images: [image][inRows][inColumns][ci], zeros where there is no pixel.
static void gatherBand(const Convolution& g, const Band& band, const float* x, long image, long images, long row,
                       float* out) {
  const long y0 = row * g.strideY - g.padTop;
  // The columns of the image that are seen, by their places in it.
  for (long i = 0; i < images; ++i) {
    for (long r = 0; r < band.inRows; ++r) {
      float* line = out + (i * band.inRows + r) * band.inColumns * g.ci;
      const long y = y0 + r;
      if (y < 0 || y % g.dilationY != 0 || y / g.dilationY >= g.h) {
        clearFloats(line, band.inColumns * g.ci);
        continue;
      }
      const float* in = x + ((image + i) * g.h + y / g.dilationY) * g.w * g.ci;
      if (g.dilationX == 1) {
        const long left = least(most(g.padLeft, 0), band.inColumns);
        const long from = left - g.padLeft;
        const long count = most(0, least(g.w - from, band.inColumns - left));
        clearFloats(line, left * g.ci);
        copyFloats(line + left * g.ci, in + from * g.ci, count * g.ci);
        clearFloats(line + (left + count) * g.ci, (band.inColumns - left - count) * g.ci);
        continue;
      }
      for (long c = 0; c < band.inColumns; ++c) {
        const long at = c - g.padLeft;
        if (at < 0 || at % g.dilationX != 0 || at / g.dilationX >= g.w) {
          clearFloats(line + c * g.ci, g.ci);
        } else {
          copyFloats(line + c * g.ci, in + at / g.dilationX * g.ci, g.ci);
        }
      }
    }
  }
}

// The first layer of a network: few values to sum up for each result, so that the results stay in registers throughout,
// and rows of pixels that are long enough to be multiplied as they lie.
static inline bool isNarrow(const Convolution& g) {
  return g.kw * g.ci <= 4 * SR && g.ow >= 8 && g.dilationY == 1 && g.dilationX == 1;
}

// Bias, 2x2 max-pool and ReLU of finished results.
static void poolResults(Team& team, const Convolution& g, const float* full, const Epilogue& after, float* y) {
  const long oh = g.oh / 2, ow = g.ow / 2, line = g.ow * g.co;
  parallel(team, g.n * oh, [&](long item, long) {
    const float* in = full + (item / oh * g.oh + item % oh * 2) * line;
    for (long column = 0; column < ow; ++column) {
      const float* at = in + 2 * column * g.co;
      const long to = (item * ow + column) * g.co;
      long i = 0;
      for (; i + LANES <= g.co; i += LANES) {
        const Vec shift = after.bias == nullptr ? Vec{} : load(after.bias + i);
        storeLargest(load(at + i) + shift, load(at + g.co + i) + shift, load(at + line + i) + shift,
                     load(at + line + g.co + i) + shift, after.relu, y + to + i, after.places + to + i);
      }
      for (; i < g.co; ++i) {
        const float shift = after.bias == nullptr ? 0 : after.bias[i];
        const float block[4] = {at[i] + shift, at[g.co + i] + shift, at[line + i] + shift, at[line + g.co + i] + shift};
        storeLargestOne(block, after.relu, y + to + i, after.places + to + i);
      }
    }
  });
}

static void directForward(Team& team, const Convolution& g, const float* x, const float* packed, const Epilogue& after,
                          float* result) {
  const bool pool = after.places != nullptr;
  // With a pool, the results are gathered whole first: these layers are small, or have few input channels.
  const float* bias = pool ? nullptr : after.bias;
  const bool relu = !pool && after.relu;
  const Band band(g, 96);
  const long imageParts = ceilDiv(g.n, band.images), rowParts = ceilDiv(g.oh, band.rows);
  const long panels = ceilDiv(g.co, NR), depth = g.kw * g.ci;
  // A single small picture is shared out by output channels, or all but one thread would be idle.
  const bool narrow = isNarrow(g) && g.co % NR == 0;
  const long wanted = narrow ? 1 : ceilDiv(4 * team.size(), imageParts * rowParts);
  const long perGroup = ceilDiv(panels, least(panels, wanted)), groups = ceilDiv(panels, perGroup);
  const bool inPlace = !narrow && g.kh == 1 && g.kw == 1 && g.padTop == 0 && g.padLeft == 0 && g.dilationY == 1 &&
                       g.dilationX == 1 && (g.oh - 1) * g.strideY < g.h && (g.ow - 1) * g.strideX < g.w;
  team.reserve((inPlace ? 0 : band.floats(g)) + MR * NR, pool ? g.n * g.oh * g.ow * g.co : 0);
  float* y = pool ? team.shared() : result;
  parallel(team, imageParts * rowParts * groups, [&](long item, long worker) {
    const long part = item / groups, image = part / rowParts * band.images, row = part % rowParts * band.rows;
    const long images = least(band.images, g.n - image), rows = least(band.rows, g.oh - row);
    float* tile = team.scratch(worker);
    float* gathered = tile + MR * NR;
    if (!inPlace) gatherBand(g, band, x, image, images, row, gathered);
    if (narrow) {
      for (long line = 0; line < images * rows; ++line) {
        const long i = line / rows, r = line % rows;
        const float* source = gathered + (i * band.inRows + r * g.strideY) * band.inColumns * g.ci;
        float* target = y + ((image + i) * g.oh + row + r) * g.ow * g.co;
        for (long panel = 0; panel < panels; ++panel) {
          for (long c = 0; c < g.ow; c += MR) {
            microTapsOf(least(MR, g.ow - c), source + c * g.strideX * g.ci, g.strideX * g.ci, band.inColumns * g.ci,
                        packed + panel * depth * NR, panels * depth * NR, g.kh, depth,
                        bias == nullptr ? nullptr : bias + panel * NR, relu, target + c * g.co + panel * NR, g.co);
          }
        }
      }
      return;
    }
    const long pixels = images * rows * g.ow;
    const long firstPanel = item % groups * perGroup, lastPanel = least(panels, firstPanel + perGroup);
    for (long panel = firstPanel; panel < lastPanel; ++panel) {
      const long o0 = panel * NR, width = least(NR, g.co - o0);
      for (long p0 = 0; p0 < pixels; p0 += MR) {
        const long count = least(MR, pixels - p0);
        const float* source[MR];
        float* target[MR];
        for (long p = 0; p < count; ++p) {
          const long pixel = p0 + p, c = pixel % g.ow, r = pixel / g.ow % rows, i = pixel / g.ow / rows;
          source[p] = inPlace ? x + (((image + i) * g.h + (row + r) * g.strideY) * g.w + c * g.strideX) * g.ci
                              : gathered + ((i * band.inRows + r * g.strideY) * band.inColumns + c * g.strideX) * g.ci;
          target[p] = y + (((image + i) * g.oh + row + r) * g.ow + c) * g.co + o0;
        }
        for (long k = 0; k < g.kh; ++k) {
          microOf<Rows, MR>(count, source, packed + (k * panels + panel) * depth * NR, NR, depth, tile, NR, k > 0, Nothing());
          for (long p = 0; p < count; ++p) source[p] += band.inColumns * g.ci;
        }
        for (long p = 0; p < count; ++p) {
          const float* in = tile + p * NR;
          long o = 0;
          for (; o + LANES <= width; o += LANES) {
            const Vec value = load(in + o) + (bias == nullptr ? Vec{} : load(bias + o0 + o));
            store(target[p] + o, relu ? (value < Vec{} ? Vec{} : value) : value);
          }
          for (; o < width; ++o) {
            const float value = in[o] + (bias == nullptr ? 0 : bias[o0 + o]);
            target[p][o] = relu && value < 0 ? 0 : value;
          }
        }
      }
    }
  });
  if (pool) poolResults(team, g, y, after, result);
}

// c[m][j] (+)= sum over k of a[k * lda + m] * b[k * ldb + j]; columns is a multiple of NR.
static inline void multiplyColumns(const float* a, long lda, long rows, const float* b, long ldb, long columns,
                                   long depth, float* c, long ldc, bool add) {
  for (long j = 0; j < columns; j += NR) {
    for (long m = 0; m < rows; m += MR) {
      microOf<Columns, MR>(least(MR, rows - m), a + m, b + j, ldb, depth, c + m * ldc + j, ldc, add, Nothing(), lda);
    }
  }
}

// The same for a narrow convolution: a row of the image, with zeros around, is the left factor as it lies, its patches
// overlapping.
static void narrowFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  const long depth = g.kw * g.ci, rows = g.kh * depth, lines = g.n * g.oh;
  const long perSlot = ceilDiv(lines, SLOTS), slots = ceilDiv(lines, perSlot);
  Band band(g, 1);
  team.reserve(band.floats(g), slots * rows * g.co);
  float* sums = team.shared();
  parallel(team, slots, [&](long slot, long worker) {
    float* gathered = team.scratch(worker);
    float* sum = sums + slot * rows * g.co;
    for (long line = slot * perSlot; line < least(lines, (slot + 1) * perSlot); ++line) {
      gatherBand(g, band, x, line / g.oh, 1, line % g.oh, gathered);
      for (long y = 0; y < g.kh; ++y) {
        for (long k = 0; k < depth; k += SR) {
          const float* left = gathered + y * band.inColumns * g.ci + k;
          float* to = sum + (y * depth + k) * g.co;
          for (long j = 0; j < g.co; j += NR) {
            microOf<Columns, SR>(least(SR, depth - k), left, dy + line * g.ow * g.co + j, g.co, g.ow, to + j, g.co,
                                 line > slot * perSlot, Nothing(), g.strideX * g.ci);
          }
        }
      }
    }
  });
  for (long i = 0; i < rows * g.co; ++i) {
    float total = 0;
    for (long s = 0; s < slots; ++s) total += sums[s * rows * g.co + i];
    dw[i] = total;
  }
}

// dw[k][o] = sum over the pixels p of patch[p][k] * dy[p][o], k over [kh, kw, ci].
static void directFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  if (isNarrow(g) && g.co % NR == 0) return narrowFilterGradient(team, g, x, dy, dw);
  enum : long { PIXELS = 64 };
  const long depth = g.kh * g.kw * g.ci, block = least(64, ceilDiv(depth, MR) * MR), blocks = ceilDiv(depth, block);
  const long pixels = g.n * g.oh * g.ow, width = ceilDiv(g.co, NR) * NR;
  // Few weights: the pixels are shared out, always in the same number of partial sums.
  const long wanted = most(1, ceilDiv(SLOTS, blocks));
  const long perSlot = ceilDiv(ceilDiv(pixels, wanted), PIXELS) * PIXELS, slots = ceilDiv(pixels, perSlot);
  team.reserve(PIXELS * (block + width), slots * blocks * block * width);
  float* sums = team.shared();
  parallel(team, slots * blocks, [&](long item, long worker) {
    const long slot = item / blocks, k0 = item % blocks * block, some = least(block, depth - k0);
    float* patches = team.scratch(worker);
    float* gradients = patches + PIXELS * block;
    float* sum = sums + item * block * width;
    const long end = least(pixels, (slot + 1) * perSlot);
    for (long p0 = slot * perSlot; p0 < end; p0 += PIXELS) {
      const long count = least(PIXELS, end - p0);
      for (long p = 0; p < count; ++p) {
        const long pixel = p0 + p, c = pixel % g.ow, r = pixel / g.ow % g.oh, image = pixel / g.ow / g.oh;
        float* out = patches + p * block;
        for (long k = 0; k < some;) {
          // A run of values of one row of the patch: of one pixel, as its neighbour may lie outside.
          const long from = (k0 + k) % g.ci, tap = (k0 + k) / g.ci;
          const long run = least(some - k, g.ci - from);
          const long iy = r * g.strideY - g.padTop + tap / g.kw, ix = c * g.strideX - g.padLeft + tap % g.kw;
          if (iy >= 0 && iy < g.h && ix >= 0 && ix < g.w) {
            const float* in = x + ((image * g.h + iy) * g.w + ix) * g.ci + from;
            for (long i = 0; i < run; ++i) out[k + i] = in[i];
          } else {
            for (long i = 0; i < run; ++i) out[k + i] = 0;
          }
          k += run;
        }
        if (width != g.co) {
          copyFloats(gradients + p * width, dy + pixel * g.co, g.co);
          clearFloats(gradients + p * width + g.co, width - g.co);
        }
      }
      const float* right = width == g.co ? dy + p0 * g.co : gradients;
      multiplyColumns(patches, block, some, right, width, width, count, sum, width, p0 > slot * perSlot);
    }
  });
  parallel(team, depth, [&](long k, long) {
    const float* in = sums + (k / block * block + k % block) * width;
    for (long o = 0; o < g.co; ++o) {
      float sum = in[o];
      for (long s = 1; s < slots; ++s) sum += in[s * blocks * block * width + o];
      dw[k * g.co + o] = sum;
    }
  });
}
